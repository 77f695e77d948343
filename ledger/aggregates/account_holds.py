"""What an account has promised: holds placed, captured, given back (ledger.md §5.3)."""

import msgspec

from ledger.aggregates.account_funds import refuse_unaffordable, usage
from ledger.aggregates.account_states import Hold, Open
from ledger.commands.account import CaptureHold, PlaceHold, ReleaseHold
from ledger.errors import Reason, Refused
from ledger.events.account import (
    AccountDebited,
    AccountEvent,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import sealed_or_none
from ledger.money import MINOR_MAX
from ledger.times import utc_day


def place_hold(account: Open, command: PlaceHold) -> list[AccountEvent]:
    """Promise funds that can be spared. The same hold asked for twice is promised once.

    All promises together stay in the 64-bit range, whatever credit would allow (ledger.md §1).
    """
    if command.hold_id in account.holds:
        return []
    refuse_unaffordable(account, command)
    if account.held + command.amount > MINOR_MAX:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    day = utc_day(command.now)
    placed = HoldPlaced(
        hold_id=command.hold_id,
        amount=command.amount,
        purpose=command.purpose,
        placed_by=command.placed_by,
        payment_id=command.payment_id,
        destination_account_id=command.destination_account_id,
        description=sealed_or_none(command.description),
        reference=sealed_or_none(command.reference),
        expires_at=command.expires_at,
        day=day,
    )
    return [placed, *usage(day, command.amount, command.hold_id, command.daily_limit)]


def capture_hold(account: Open, command: CaptureHold) -> list[AccountEvent]:
    """Turn a promise into a debit; funds and limits were judged when it was made."""
    assert command.amount > 0, "no movement without an amount"
    hold = account.holds.get(command.hold_id)
    if hold is None:
        raise Refused(Reason.HOLD_NOT_ACTIVE)
    if command.amount > hold.remaining:
        raise Refused(
            Reason.HOLD_AMOUNT_EXCEEDED,
            remaining=account.shown(hold.remaining),
            required=account.shown(command.amount),
        )
    final = command.final or command.amount == hold.remaining
    captured = HoldCaptured(
        hold_id=command.hold_id,
        amount=command.amount,
        posting_id=command.posting_id,
        final=final,
    )
    rest = hold.remaining - command.amount if final else 0
    debited = AccountDebited(
        posting_id=command.posting_id,
        entry_id=command.entry_id,
        amount=command.amount,
        balance_after=account.balance - command.amount,
    )
    return [captured, debited, *forgotten(account, command.hold_id, rest)]


def release_hold(account: Open, command: ReleaseHold) -> list[AccountEvent]:
    """Give a promise back; the day's counter forgets it while that day lasts."""
    hold = account.holds.get(command.hold_id)
    if hold is None:
        return []
    released = HoldReleased(hold_id=command.hold_id, amount=hold.remaining, cause=command.cause)
    return [released, *forgotten(account, command.hold_id, hold.remaining)]


def lapsed(account: Open, now: str) -> list[AccountEvent]:
    """End the holds whose time is over at `now`."""
    if account.lapses_at is None or account.lapses_at > now:
        return []
    events: list[AccountEvent] = []
    for hold_id, hold in account.holds.items():
        if hold.is_over(now):
            events.append(HoldExpired(hold_id=hold_id, amount=hold.remaining))
            events += forgotten(account, hold_id, hold.remaining)
    return events


def forgotten(account: Open, hold_id: str, rest: int) -> list[DailyUsageChanged]:
    """Stop counting the part of a hold that was given back on its own day."""
    hold = account.holds[hold_id]
    day = hold.placed.day
    if rest == 0 or not hold.counted or day != account.day:
        return []
    return [DailyUsageChanged(day=day, delta=-rest, cause=hold_id)]


def promised(account: Open, event: HoldPlaced, at: str) -> Open:
    """Lower what is available by a new hold."""
    holds = {**account.holds, event.hold_id: Hold(event, at, event.amount)}
    ends = [time for time in (account.lapses_at, event.expires_at) if time is not None]
    return msgspec.structs.replace(
        account, holds=holds, held=account.held + event.amount, lapses_at=min(ends, default=None)
    )


def captured(account: Open, event: HoldCaptured) -> Open:
    """Lower a hold by what was captured; a final capture ends it."""
    hold = account.holds[event.hold_id]
    if event.final:
        return without_hold(account, event.hold_id)
    rest = msgspec.structs.replace(hold, remaining=hold.remaining - event.amount)
    holds = {**account.holds, event.hold_id: rest}
    return msgspec.structs.replace(account, holds=holds, held=account.held - event.amount)


def without_hold(account: Open, hold_id: str) -> Open:
    """End a hold: its rest is available again."""
    gone = account.holds[hold_id]
    holds = {key: hold for key, hold in account.holds.items() if key != hold_id}
    lapses_at = account.lapses_at
    if gone.placed.expires_at is not None:
        ends = (hold.placed.expires_at for hold in holds.values())
        lapses_at = min((time for time in ends if time is not None), default=None)
    return msgspec.structs.replace(
        account, holds=holds, held=account.held - gone.remaining, lapses_at=lapses_at
    )
