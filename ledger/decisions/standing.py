"""Standing: whether money may move on an account now, and how much at most (ledger.md §3, §5.1)."""

from ledger.aggregates.account_states import Active, Closed, Frozen, Inactive, Open
from ledger.decisions.callers import active_owner
from ledger.decisions.view import View
from ledger.errors import Reason, Refused


def refuse_standing(view: View, account: Open, movement: str) -> None:
    """Refuse what an account cannot take part in; money may come in for a suspended owner."""
    match movement:
        case "DEBIT":
            refuse_debit(view, account)
        case "CREDIT":
            refuse_credit(account)
        case _:
            refuse_frozen(account)


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
