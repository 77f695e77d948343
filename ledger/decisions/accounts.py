"""Decisions about accounts: opening one, with its first balance."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Open
from ledger.commands.account import CreditAccount, LinkAccount, OpenAccount
from ledger.decisions.callers import active_owner
from ledger.decisions.connections import EXTERNAL_ACCOUNT, existing
from ledger.decisions.view import Claim, View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.connection import BankAccountFound
from ledger.events.posting import PostingBooked
from ledger.identity import numbered_id
from ledger.policies import access


def open_account(view: View, command: OpenAccount) -> str:
    """Open an account for an active user, with an opening balance against `opening:<currency>`."""
    stream = f"account-{command.account_id}"
    if not active_owner(view, command.user_id):
        raise Refused(Reason.USER_NOT_FOUND, user_id=command.user_id)
    access.may_open_account(view.caller, command.user_id)
    if command.opening_balance or command.credit_limit:
        access.may_set_account_terms(view.caller, command.user_id)
    events = account.decide(view.begin(stream), command)
    view.record(stream, *events)
    if events and command.bank_connection_id is not None:
        link_account(view, command, command.bank_connection_id)
    if events and command.opening_balance:
        book_opening(view, command, stream)
    return stream


def link_account(view: View, command: OpenAccount, connection_id: str) -> None:
    """Let a new account mirror one at the bank that its owner is connected with."""
    known = existing(view, connection_id, field="bank_connection_id")
    if known.terms.user_id != command.user_id:
        raise Refused(Reason.UNAUTHORIZED_ACCESS, field="bank_connection_id")
    if known.status != "ACTIVE":
        raise Refused(Reason.CONNECTION_INACTIVE, status=known.status)
    if command.external_account_id is None:
        raise Refused(Reason.MISSING_FIELDS, field="external_account_id")
    external = f"{known.terms.provider}/{command.external_account_id}"
    holder = Claim(command.account_id)
    view.take(EXTERNAL_ACCOUNT, external, holder, Reason.ACCOUNT_ALREADY_LINKED)
    link = LinkAccount(
        account_id=command.account_id,
        bank_connection_id=connection_id,
        external_account_id=command.external_account_id,
        provider=known.terms.provider,
        bank_code=known.terms.bank_code,
    )
    stream = f"account-{command.account_id}"
    view.record(stream, *account.decide(view.state(stream), link))
    found = BankAccountFound(
        external_account_id=command.external_account_id, account_id=command.account_id
    )
    view.record(f"connection-{connection_id}", found)


def book_opening(view: View, command: OpenAccount, stream: str) -> None:
    """Book the first balance; its other side is the system account of openings."""
    posting_id = command.opening_posting_id
    amount, currency = command.opening_balance, command.currency
    opening = Entry(
        entry_id=numbered_id(posting_id, 1),
        account_code=f"opening:{currency}",
        amount=-amount,
        currency=currency,
    )
    first = Entry(
        entry_id=numbered_id(posting_id, 2),
        account_id=command.account_id,
        amount=amount,
        currency=currency,
    )
    view.begin(f"posting-{posting_id}")
    view.record(
        f"posting-{posting_id}",
        PostingBooked(posting_id=posting_id, kind="OPENING", entries=(opening, first)),
    )
    credit = CreditAccount(
        account_id=command.account_id,
        posting_id=posting_id,
        entry_id=first.entry_id,
        amount=amount,
    )
    view.record(stream, *account.decide(view.state(stream), credit))


def open_state(view: View, account_id: str) -> Open:
    """Return an account that exists, or refuse."""
    state = view.state(f"account-{account_id}")
    if not isinstance(state, Open):
        raise Refused(Reason.ACCOUNT_NOT_FOUND, account_id=account_id)
    return state
