"""Decisions about an account's name, its limits, and the state it is in (ledger.md §3)."""

from collections.abc import Callable, Mapping

from msgspec import UNSET, UnsetType

from ledger.aggregates import account
from ledger.aggregates.account_states import Open
from ledger.commands.account import (
    ActivateAccount,
    ChangeLimits,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    RenameAccount,
    SetLimits,
    StateCommand,
    UnfreezeAccount,
)
from ledger.decisions import unfinished
from ledger.decisions.accounts import open_state
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.money import parse_minor
from ledger.policies import access


def rename_account(view: View, command: RenameAccount) -> str:
    """Give an account another name."""
    stream = f"account-{command.account_id}"
    state = open_state(view, command.account_id)
    access.may_change_account(view.caller, state.user_id)
    view.match_version(stream)
    view.record(stream, *account.decide(state, command))
    return stream


def set_limits(view: View, command: SetLimits) -> str:
    """Replace the limits that are given; the others stay as they are."""
    stream = f"account-{command.account_id}"
    state = open_state(view, command.account_id)
    access.may_set_account_terms(view.caller, state.user_id)
    view.match_version(stream)
    wanted = ChangeLimits(
        account_id=command.account_id,
        daily_limit=limit(state, "daily_limit", command.daily_limit, state.daily_limit),
        single_limit=limit(state, "single_limit", command.single_limit, state.single_limit),
        credit_limit=credit_limit(state, command.credit_limit),
    )
    view.record(stream, *account.decide(state, wanted))
    return stream


def limit(state: Open, field: str, told: str | UnsetType | None, before: int | None) -> int | None:
    """Return a limit in minor units: as told, None for the default, or as it was."""
    if told is UNSET:
        return before
    return None if told is None else amount(state, field, told)


def credit_limit(state: Open, told: str | UnsetType) -> int:
    """Return the credit limit in minor units, as told or as it was."""
    return state.credit_limit if told is UNSET else amount(state, "credit_limit", told)


def amount(state: Open, field: str, told: str) -> int:
    """Return an amount ≥ 0 in minor units of the account's currency."""
    minor = parse_minor(told, state.currency, field)
    if minor < 0:
        raise Refused(Reason.NEGATIVE_AMOUNT, field=field)
    return minor


MAY: Mapping[type[StateCommand], Callable[[Actor, str], None]] = {
    FreezeAccount: access.may_freeze_account,
    UnfreezeAccount: access.may_freeze_account,
    DeactivateAccount: access.may_change_account,
    ActivateAccount: access.may_change_account,
    CloseAccount: access.may_close_account,
}


def change_state(view: View, command: StateCommand) -> str:
    """Move an account along the table of ledger.md §3."""
    stream = f"account-{command.account_id}"
    state = open_state(view, command.account_id)
    MAY[type(command)](view.caller, state.user_id)
    view.match_version(stream)
    events = account.decide(state, command)
    if isinstance(command, CloseAccount):
        refuse_unfinished(view, command.account_id)
    view.record(stream, *events)
    return stream


def refuse_unfinished(view: View, account_id: str) -> None:
    """Refuse to close an account that still waits for payments."""
    waiting = unfinished.count(view, account_id)
    if waiting:
        raise Refused(Reason.ACCOUNT_NOT_EMPTY, unfinished_payments=waiting)
