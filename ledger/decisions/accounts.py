"""Decisions about accounts: opening one, with its first balance."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Open
from ledger.commands.account import CreditAccount, OpenAccount
from ledger.decisions.callers import active_owner
from ledger.decisions.view import View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
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
    if events and command.opening_balance:
        book_opening(view, command, stream)
    return stream


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
