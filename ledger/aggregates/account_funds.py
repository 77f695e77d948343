"""What an account may spend: single limit, funds, and the counter of the day (ledger.md §5.1)."""

import msgspec

from ledger.aggregates.account_states import Open
from ledger.commands.account import CorrectAccount, CreditAccount, DebitAccount, PlaceHold
from ledger.errors import Reason, Refused
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    AccountEvent,
    DailyUsageChanged,
)
from ledger.money import MINOR_MAX
from ledger.times import utc_day


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


def credit(account: Open, command: CreditAccount | CorrectAccount) -> list[AccountEvent]:
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


def correct(account: Open, command: CorrectAccount) -> list[AccountEvent]:
    """Undo an entry, unless that takes more than can be spared (ledger.md §4)."""
    day = utc_day(command.now)
    freed = command.uncounted if account.day == day else 0
    forgotten = [DailyUsageChanged(day=day, delta=-freed, cause=command.undone_id)] if freed else []
    if command.amount > 0:
        return [*credit(account, command), *forgotten]
    if -command.amount > account.available:
        raise Refused(Reason.NEGATIVE_BALANCE, available=account.shown(account.available))
    debited = AccountDebited(
        posting_id=command.posting_id,
        entry_id=command.entry_id,
        amount=-command.amount,
        balance_after=account.balance + command.amount,
    )
    return [debited, *forgotten]


def refuse_oversized(account: Open, amount: int, single_limit: int | None) -> None:
    """Refuse what is over the single limit, if one applies."""
    assert amount > 0, "no movement without an amount"
    if single_limit is not None and amount > single_limit:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit=account.shown(single_limit))


def refuse_unaffordable(account: Open, command: PlaceHold | DebitAccount) -> None:
    """Refuse what is over the single limit, the funds or the day's limit, in that order."""
    refuse_oversized(account, command.amount, command.single_limit)
    if command.amount > account.available:
        raise Refused(
            Reason.INSUFFICIENT_FUNDS,
            available=account.shown(account.available),
            required=account.shown(command.amount),
            currency=account.currency,
        )
    if command.daily_limit is None:
        return
    spent = account.spent_on(utc_day(command.now))
    if spent + command.amount > command.daily_limit:
        raise Refused(
            Reason.DAILY_LIMIT_EXCEEDED,
            daily_limit=account.shown(command.daily_limit),
            daily_spent=account.shown(spent),
            required=account.shown(command.amount),
        )


def usage(day: str, delta: int, cause: str, daily_limit: int | None) -> list[DailyUsageChanged]:
    """Count a movement that a daily limit applies to."""
    if daily_limit is None:
        return []
    return [DailyUsageChanged(day=day, delta=delta, cause=cause)]


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
