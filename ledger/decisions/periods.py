"""Decisions about periods: sealing a month, reopening it, and what may still count inside it."""

from ledger.aggregates import period
from ledger.aggregates.period import Closed
from ledger.commands.period import ClosePeriod, ReopenPeriod
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.period import PeriodRestated
from ledger.policies import access
from ledger.policies.periods import end_of, month_of, stream_of


def close_period(view: View, command: ClosePeriod) -> str:
    """Seal a month that is over, with sums that nobody has added to since they were taken.

    Sums that were overtaken are to be taken again: `service_unavailable`, as any lost race.
    """
    stream = stream_of(command.period)
    access.may_close_periods(view.caller)
    if view.now < end_of(command.period):
        raise Refused(
            Reason.INVALID_DATETIME_FORMAT, field="period", ends_at=end_of(command.period)
        )
    state = view.state(stream)
    events = period.decide(state, command)
    if state.restatements != command.seen:
        raise Refused(Reason.SERVICE_UNAVAILABLE, period=command.period)
    view.record(stream, *events)
    return stream


def reopen_period(view: View, command: ReopenPeriod) -> str:
    """Let a sealed month be restated."""
    stream = stream_of(command.period)
    access.may_close_periods(view.caller)
    view.record(stream, *period.decide(view.state(stream), command))
    return stream


def refuse_back_dating(view: View, effective_at: str | None) -> None:
    """Refuse who may not let a posting count earlier than it is booked, and what lies ahead."""
    if effective_at is None:
        return
    access.may_back_date(view.caller, field="effective_at")
    if effective_at > view.now:
        raise Refused(Reason.INVALID_DATETIME_FORMAT, field="effective_at")


def refuse_closed(view: View, effective_at: str | None) -> None:
    """Refuse a posting that would count inside a sealed period; what counts from now cannot."""
    if effective_at is None:
        return
    month = month_of(effective_at)
    if isinstance(view.state(stream_of(month)), Closed):
        raise Refused(Reason.PERIOD_CLOSED, field="effective_at", period=month)


def restate(view: View, effective_at: str | None, posting_id: str) -> None:
    """Note in a period that is over what was added to it, so that no seal can miss it."""
    if effective_at is None or month_of(effective_at) == month_of(view.now):
        return
    view.record(stream_of(month_of(effective_at)), PeriodRestated(posting_id=posting_id))
