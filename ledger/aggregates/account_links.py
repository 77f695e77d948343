"""What an account mirrors: linked to an outside bank, and moved by what that bank has booked."""

import msgspec

from ledger.aggregates.account_states import Active, Frozen, Inactive, Open
from ledger.commands.account import CloseAtBank, ImportEntry, LinkAccount, UnlinkAccount
from ledger.events.account import (
    AccountClosedAtBank,
    AccountCredited,
    AccountDebited,
    AccountEvent,
    AccountLinked,
    AccountUnlinked,
)

CLOSED_AT_BANK = "closed_at_bank"
LinkEvent = AccountLinked | AccountUnlinked | AccountClosedAtBank


def link(account: Open, command: LinkAccount | UnlinkAccount | CloseAtBank) -> list[AccountEvent]:
    """Change what an account mirrors; what is already so is no news."""
    match command:
        case LinkAccount() if is_linked(account, command):
            return []
        case LinkAccount():
            return [linked(command)]
        case UnlinkAccount():
            return [] if account.bank_connection_id is None else [AccountUnlinked()]
        case CloseAtBank():
            return [AccountClosedAtBank()] if isinstance(account.condition, Active) else []


def is_linked(account: Open, command: LinkAccount) -> bool:
    """Say whether an account mirrors just that already."""
    return (account.bank_connection_id, account.external_account_id, account.bank_code) == (
        command.bank_connection_id, command.external_account_id, command.bank_code,
    )  # fmt: skip


def linked(command: LinkAccount) -> AccountLinked:
    """Tell what an account mirrors from now on."""
    return AccountLinked(
        bank_connection_id=command.bank_connection_id,
        external_account_id=command.external_account_id,
        provider=command.provider,
        bank_code=command.bank_code,
    )


def take_entry(account: Open, command: ImportEntry) -> list[AccountEvent]:
    """Move the balance by what has happened outside; nobody can refuse what is done."""
    assert command.amount, "no movement without an amount"
    entry = {"posting_id": command.posting_id, "entry_id": command.entry_id}
    after = account.balance + command.amount
    if command.amount > 0:
        return [AccountCredited(**entry, amount=command.amount, balance_after=after)]
    return [AccountDebited(**entry, amount=-command.amount, balance_after=after)]


def relinked(account: Open, event: LinkEvent) -> Open:
    """Apply what an account mirrors. Its bank's code stays: what is under way is settled there."""
    match event:
        case AccountLinked():
            return msgspec.structs.replace(
                account,
                bank_connection_id=event.bank_connection_id,
                external_account_id=event.external_account_id,
                provider=event.provider,
                bank_code=event.bank_code,
            )
        case AccountUnlinked():
            return msgspec.structs.replace(
                account, bank_connection_id=None, external_account_id=None
            )
        case AccountClosedAtBank() if isinstance(account.condition, Frozen):
            before = Inactive(CLOSED_AT_BANK)
            frozen = msgspec.structs.replace(account.condition, before=before)
            return msgspec.structs.replace(account, condition=frozen)
        case AccountClosedAtBank():
            return msgspec.structs.replace(account, condition=Inactive(CLOSED_AT_BANK))
