"""Decisions about accounts at outside banks: mirrored, and compared with what the bank holds."""

from ledger.aggregates import account, connection
from ledger.aggregates.account_states import Closed, Open, Unopened
from ledger.aggregates.connection_states import Connection
from ledger.commands.account import CloseAtBank, ImportEntry, LinkAccount, OpenAccount
from ledger.commands.connection import ReportBalance, TakeBankAccount
from ledger.decisions.accounts import open_state
from ledger.decisions.connections import EXTERNAL_ACCOUNT, existing
from ledger.decisions.reconciliations import compare_balance
from ledger.decisions.system_side import entries_against
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.connection import BankAccountFound, BankBalanceReported
from ledger.events.posting import PostingBooked
from ledger.events.reconciliation import BalanceDiscrepancyFound
from ledger.identity import derived_id

FIRST_BALANCE = "external_opening"
"""Held for every account whose first balance was taken over from its bank."""


def take_bank_account(view: View, command: TakeBankAccount) -> str:
    """Mirror an account of the bank: open one for it, or use the one that mirrors it already."""
    known = existing(view, command.connection_id)
    connection.refuse_dead(known)
    external = f"{known.terms.provider}/{command.external_account_id}"
    held = view.claim(EXTERNAL_ACCOUNT, external)
    account_id = command.account_id if held is None else held.holder
    stream = f"account-{account_id}"
    state = view.state(stream)
    if isinstance(state, Unopened):
        view.record(stream, *account.decide(state, opening(command, known, account_id)))
        state = view.state(stream)
    refuse_foreign(state, known, command)
    if isinstance(state.condition, Closed):
        return stream
    link = LinkAccount(
        account_id=account_id,
        bank_connection_id=command.connection_id,
        external_account_id=command.external_account_id,
        provider=known.terms.provider,
        bank_code=known.terms.bank_code,
    )
    view.record(stream, *account.decide(state, link))
    if held is None:
        view.change_claim(EXTERNAL_ACCOUNT, external, Claim(account_id))
    if known.accounts.get(command.external_account_id) != account_id:
        found = BankAccountFound(
            external_account_id=command.external_account_id, account_id=account_id
        )
        view.record(f"connection-{command.connection_id}", found)
    if command.closed:
        view.record(stream, *account.decide(view.state(stream), CloseAtBank(account_id=account_id)))
    return stream


def opening(command: TakeBankAccount, known: Connection, account_id: str) -> OpenAccount:
    """Return the wish for an account of the customer that mirrors the bank's."""
    return OpenAccount(
        account_id=account_id,
        user_id=known.terms.user_id,
        currency=command.currency,
        account_type=command.account_type,
        account_name=command.name,
        last_four=command.last_four,
        opening_posting_id="",
    )


def refuse_foreign(state: Open, known: Connection, command: TakeBankAccount) -> None:
    """Refuse to mirror what somebody else mirrors, or in another currency."""
    if state.user_id != known.terms.user_id:
        raise Refused(
            Reason.ACCOUNT_ALREADY_LINKED, external_account_id=command.external_account_id
        )
    if state.currency != command.currency:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=state.currency)


def report_balance(view: View, command: ReportBalance) -> str:
    """Take the first balance over; from then on find out whether both sides agree."""
    stream = f"connection-{command.connection_id}"
    known = existing(view, command.connection_id)
    connection.refuse_dead(known)
    state = open_state(view, command.account_id)
    if state.currency != command.currency:
        raise Refused(Reason.CURRENCY_MISMATCH, currency=state.currency)
    reported = BankBalanceReported(
        account_id=command.account_id,
        balance=command.amount,
        currency=command.currency,
        as_of=command.as_of,
    )
    if view.claim(FIRST_BALANCE, command.account_id) is None:
        view.change_claim(FIRST_BALANCE, command.account_id, Claim(command.connection_id))
        book_first_balance(view, command, state)
    if known.reported.get(command.account_id) != (command.amount, command.as_of):
        view.record(stream, reported)
    compared = BalanceDiscrepancyFound(
        account_id=command.account_id,
        connection_id=command.connection_id,
        ledger=open_state(view, command.account_id).balance,
        reported=command.amount,
        currency=command.currency,
    )
    compare_balance(view, command.discrepancy_id, compared)
    return stream


def book_first_balance(view: View, command: ReportBalance, state: Open) -> None:
    """Book what an account held before the history that its bank tells begins."""
    amount = command.amount - state.balance
    if not amount or isinstance(state.condition, Closed):
        return
    posting_id = derived_id("first balance", command.account_id)
    entries = entries_against(
        f"opening:{state.currency}",
        posting_id=posting_id,
        account_id=command.account_id,
        amount=amount,
        currency=state.currency,
    )
    view.begin(f"posting-{posting_id}")
    booked = PostingBooked(posting_id=posting_id, kind="OPENING", entries=entries)
    view.record(f"posting-{posting_id}", booked)
    entry = ImportEntry(
        account_id=command.account_id,
        posting_id=posting_id,
        entry_id=entries[0].entry_id,
        amount=amount,
    )
    stream = f"account-{command.account_id}"
    view.record(stream, *account.decide(state, entry))
