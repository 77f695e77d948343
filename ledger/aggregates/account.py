"""Account: one customer's position in one currency, and everything promised from it."""

from typing import TypeAlias

import msgspec

from ledger.commands.account import (
    AccountCommand,
    CaptureHold,
    CreditAccount,
    DebitAccount,
    OpenAccount,
    PlaceHold,
    ReleaseHold,
)
from ledger.errors import Reason, Refused
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    AccountEvent,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import Sealed, sealed, sealed_or_none
from ledger.money import MINOR_MAX, decimal_text
from ledger.times import utc_day


class Hold(msgspec.Struct, frozen=True):
    """What is still promised: minor units; `counted` against the daily limit of `day`, or not."""

    remaining: int
    purpose: str
    day: str
    counted: bool = False


class Unopened(msgspec.Struct, frozen=True, tag="unopened"):
    """Nothing has happened yet."""


class Open(msgspec.Struct, frozen=True, tag="open"):
    """What deciding needs. `spent` is what counts against the limit of `day` (UTC)."""

    user_id: str
    currency: str
    account_type: str
    account_name: Sealed
    last_four: str
    credit_limit: int
    balance: int = 0
    held: int = 0
    day: str = ""
    spent: int = 0
    holds: dict[str, Hold] = {}
    bank_connection_id: str | None = None
    external_account_id: str | None = None

    @property
    def available(self) -> int:
        """Return what may be spent: balance less holds plus credit limit (ledger.md §3)."""
        return self.balance - self.held + self.credit_limit

    def shown(self, minor: int) -> str:
        """Print an amount of this account for its owner."""
        return decimal_text(minor, self.currency)

    def spent_on(self, day: str) -> int:
        """Return what counts against the limit of `day`."""
        return self.spent if self.day == day else 0


Account: TypeAlias = Unopened | Open
UNOPENED = Unopened()


def decide(account: Account, command: AccountCommand) -> list[AccountEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match account, command:
        case Unopened(), OpenAccount():
            return [opened(command)]
        case Unopened(), _:
            raise Refused(Reason.ACCOUNT_NOT_FOUND)
        case Open(), OpenAccount():
            return []
        case Open(), PlaceHold():
            return place_hold(account, command)
        case Open(), CaptureHold():
            return capture_hold(account, command)
        case Open(), ReleaseHold():
            return release_hold(account, command)
        case Open(), DebitAccount():
            return debit(account, command)
        case Open(), CreditAccount():
            return credit(account, command)


def opened(command: OpenAccount) -> AccountOpened:
    """Open it. Only CREDIT accounts may owe."""
    if command.credit_limit and command.account_type != "CREDIT":
        raise Refused(Reason.CREDIT_LIMIT_NOT_ALLOWED, account_type=command.account_type)
    return AccountOpened(
        user_id=command.user_id,
        currency=command.currency,
        account_type=command.account_type,
        account_name=sealed(command.account_name),
        last_four=command.last_four,
        credit_limit=command.credit_limit,
    )


def place_hold(account: Open, command: PlaceHold) -> list[AccountEvent]:
    """Promise funds that can be spared. The same hold asked for twice is promised once."""
    if command.hold_id in account.holds:
        return []
    refuse_unaffordable(account, command)
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
        raise Refused(Reason.HOLD_AMOUNT_EXCEEDED, remaining=account.shown(hold.remaining))
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


def forgotten(account: Open, hold_id: str, rest: int) -> list[DailyUsageChanged]:
    """Stop counting the part of a hold that was given back on its own day."""
    hold = account.holds[hold_id]
    if rest == 0 or not hold.counted or hold.day != account.day:
        return []
    return [DailyUsageChanged(day=hold.day, delta=-rest, cause=hold_id)]


def debit(account: Open, command: DebitAccount) -> list[AccountEvent]:
    """Take money out: limits and funds first (ledger.md §5)."""
    refuse_unaffordable(account, command)
    debited = AccountDebited(
        posting_id=command.posting_id,
        entry_id=command.entry_id,
        amount=command.amount,
        balance_after=account.balance - command.amount,
    )
    day = utc_day(command.now)
    return [debited, *usage(day, command.amount, command.posting_id, command.daily_limit)]


def credit(account: Open, command: CreditAccount) -> list[AccountEvent]:
    """Put money in, unless it leaves the 64-bit range (ledger.md §1)."""
    assert command.amount > 0, "no movement without an amount"
    balance_after = account.balance + command.amount
    if balance_after > MINOR_MAX:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    credited = AccountCredited(
        posting_id=command.posting_id,
        entry_id=command.entry_id,
        amount=command.amount,
        balance_after=balance_after,
    )
    return [credited]


def refuse_unaffordable(account: Open, command: PlaceHold | DebitAccount) -> None:
    """Refuse what is over the single limit, the funds or the day's limit, in that order."""
    assert command.amount > 0, "no movement without an amount"
    if command.single_limit is not None and command.amount > command.single_limit:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit=account.shown(command.single_limit))
    if command.amount > account.available:
        raise Refused(Reason.INSUFFICIENT_FUNDS, available=account.shown(account.available))
    if command.daily_limit is None:
        return
    spent = account.spent_on(utc_day(command.now))
    if spent + command.amount > command.daily_limit:
        raise Refused(
            Reason.DAILY_LIMIT_EXCEEDED,
            limit=account.shown(command.daily_limit),
            spent=account.shown(spent),
        )


def usage(day: str, delta: int, cause: str, daily_limit: int | None) -> list[DailyUsageChanged]:
    """Count a movement that a daily limit applies to."""
    if daily_limit is None:
        return []
    return [DailyUsageChanged(day=day, delta=delta, cause=cause)]


def evolve(account: Account, event: AccountEvent, _at: str) -> Account:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match account, event:
        case Unopened(), AccountOpened():
            return born(event)
        case Unopened(), _:
            raise AssertionError("an account opens before anything else")
        case Open(), AccountOpened():
            raise AssertionError("an account opens once")
        case Open(), AccountDebited(balance_after=balance) | AccountCredited(balance_after=balance):
            return msgspec.structs.replace(account, balance=balance)
        case Open(), HoldPlaced():
            return promised(account, event)
        case Open(), HoldCaptured():
            return captured(account, event)
        case Open(), HoldReleased():
            return without_hold(account, event.hold_id)
        case Open(), DailyUsageChanged():
            return counted(account, event)


def born(event: AccountOpened) -> Open:
    """Return the state of a new account."""
    return Open(
        user_id=event.user_id,
        currency=event.currency,
        account_type=event.account_type,
        account_name=event.account_name,
        last_four=event.last_four,
        credit_limit=event.credit_limit,
        bank_connection_id=event.bank_connection_id,
        external_account_id=event.external_account_id,
    )


def promised(account: Open, event: HoldPlaced) -> Open:
    """Lower what is available by a new hold."""
    hold = Hold(event.amount, event.purpose, event.day)
    holds = {**account.holds, event.hold_id: hold}
    return msgspec.structs.replace(account, holds=holds, held=account.held + event.amount)


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
    holds = {key: hold for key, hold in account.holds.items() if key != hold_id}
    held = account.held - account.holds[hold_id].remaining
    return msgspec.structs.replace(account, holds=holds, held=held)


def counted(account: Open, event: DailyUsageChanged) -> Open:
    """Move the counter of a day; a new day starts at zero, a past day no longer matters."""
    if event.day < account.day:
        return account
    spent = account.spent_on(event.day) + event.delta
    holds = account.holds
    if event.delta > 0 and event.cause in holds:
        hold = msgspec.structs.replace(holds[event.cause], counted=True)
        holds = {**holds, event.cause: hold}
    return msgspec.structs.replace(account, day=event.day, spent=spent, holds=holds)
