"""Standing: whether money may move on an account now, by its state and its owner's (§3)."""

from ledger.aggregates.account_states import Open
from ledger.decisions.callers import active_owner
from ledger.decisions.view import View
from ledger.errors import Reason, Refused


def refuse_standing(view: View, account: Open, movement: str) -> None:
    """Refuse what an account cannot take part in; money may come in for a suspended owner.

    `movement` is DEBIT or CREDIT by command, or COMPLETION of a client's earlier hold.
    """
    if movement == "DEBIT" and not active_owner(view, account.user_id):
        raise Refused(Reason.ACCOUNT_SUSPENDED)


def single_limit(view: View, account: Open) -> int | None:
    """Return the largest single movement in minor units; a service has no limits (§5.1)."""
    return None if view.caller.type == "service" else view.rules.single(account.currency)


def daily_limit(view: View, account: Open) -> int | None:
    """Return what may leave on one UTC day in minor units; a service has no limits (§5.1)."""
    if view.caller.type == "service":
        return None
    return view.rules.daily(account.account_type, account.currency)
