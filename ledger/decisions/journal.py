"""Decisions about the audit log: one stream a day takes down what happened."""

from ledger.aggregates import journal
from ledger.commands.audit import RecordSecurityEvent
from ledger.decisions.view import View
from ledger.events.audit import SecurityEvent
from ledger.times import utc_day


def record_security_event(view: View, command: RecordSecurityEvent) -> str:
    """Write down what happened outside of any other command."""
    stream = journal_of(view)
    view.record(stream, *journal.decide(view.state(stream), command, view.now))
    return stream


def take_down(view: View, *events: SecurityEvent) -> None:
    """Write down what the command being decided means, in its own append."""
    if events:
        view.record(journal_of(view), *events)


def journal_of(view: View) -> str:
    """Return the stream of this day: `audit-<yyyymmdd>`."""
    return f"audit-{utc_day(view.now).replace('-', '')}"
