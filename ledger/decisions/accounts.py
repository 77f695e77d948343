"""Decisions about accounts: opening one; whether and how much one may be debited or credited."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Active, Closed, Frozen, Inactive, Open
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


def refuse_debit(view: View, account: Open) -> None:
    """Refuse to debit an account, or to hold its funds, by command (ledger.md §3)."""
    refuse_credit(account)
    if not active_owner(view, account.user_id):
        raise Refused(Reason.ACCOUNT_SUSPENDED)


def refuse_credit(account: Open) -> None:
    """Refuse to credit an account by command, whoever owns it (ledger.md §3)."""
    match account.condition:
        case Active():
            return
        case Frozen():
            raise Refused(Reason.ACCOUNT_FROZEN)
        case Inactive() | Closed():
            raise Refused(Reason.ACCOUNT_INACTIVE)


def refuse_frozen(account: Open) -> None:
    """Refuse to complete a hold that a client placed; an account at rest keeps its promises."""
    if isinstance(account.condition, Frozen):
        raise Refused(Reason.ACCOUNT_FROZEN)


def single_limit(view: View, account: Open) -> int | None:
    """Return the largest single movement in minor units; services have none (ledger.md §5.1)."""
    if view.caller.type == "service":
        return None
    own = account.single_limit
    return view.rules.single(account.currency) if own is None else own


def daily_limit(view: View, account: Open) -> int | None:
    """Return the limit of a day in minor units; services have none (ledger.md §5.1)."""
    if view.caller.type == "service":
        return None
    own = account.daily_limit
    return view.rules.daily(account.account_type, account.currency) if own is None else own
