"""What accounts mirror: linked to outside banks, unlinked, closed there, read from time to time."""

from collections.abc import Iterable

from msgspec.structs import replace

from ledger.events.account import AccountClosedAtBank, AccountLinked, AccountUnlinked
from ledger.events.connection import BankBalanceReported
from ledger.events.event import Event
from projections.account_rows import ACCOUNT, account_of, change
from projections.log import Logged
from projections.projector import Fold, Key, On


def linked(fold: Fold, logged: Logged[AccountLinked]) -> None:
    event = logged.event
    change(
        fold,
        logged,
        bank_connection_id=event.bank_connection_id,
        external_account_id=event.external_account_id,
    )


def unlinked(fold: Fold, logged: Logged[AccountUnlinked]) -> None:
    change(fold, logged, bank_connection_id=None, external_account_id=None)


def closed_at_bank(fold: Fold, logged: Logged[AccountClosedAtBank]) -> None:
    change(fold, logged, status="INACTIVE", status_reason="closed_at_bank")


def reported(fold: Fold, logged: Logged[BankBalanceReported]) -> None:
    """Remember when the account's bank was last asked; that is no version of the account."""
    accounts = fold.rows.of(ACCOUNT)
    account = accounts.get(logged.event.account_id)
    accounts.put(replace(account, last_sync_at=logged.recorded_at))


def account_reported(logged: Logged[BankBalanceReported]) -> Iterable[Key]:
    """Name the account whose bank was asked."""
    return ((ACCOUNT, logged.event.account_id),)


LINKS: dict[type[Event], On] = {
    AccountLinked: On(linked, account_of),
    AccountUnlinked: On(unlinked, account_of),
    AccountClosedAtBank: On(closed_at_bank, account_of),
    BankBalanceReported: On(reported, account_reported),
}
