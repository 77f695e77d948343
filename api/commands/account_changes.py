"""Commands about an account that is there: its name, its limits, the state it is in."""

from collections.abc import Callable
from functools import partial

from api.asking import Told, ask
from api.call import Call
from api.callers import ADMIN, CUSTOMER, STAFF, Who
from api.commands.accounts import NAME, show_account
from api.commands.payments import Watch
from api.endpoint import Endpoint, Handler, Method
from api.fields import NOTHING, Field, FieldTable
from api.kinds import money, text
from api.reply import Bare
from api.shapes import Account
from ledger.commands.account import (
    ActivateAccount,
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    RenameAccount,
    SetLimits,
    UnfreezeAccount,
)
from ledger.commands.command import Command
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.policies.limits import Rules

REASON_LENGTH_MAX = 255


async def rename_account(call: Call) -> Bare:
    """Give an account another name, under its owner's key."""
    account_id = call.path["id"]
    owner = await owner_of(call, account_id)
    name = Private(call.body["account_name"], owner)
    return await change(call, RenameAccount(account_id=account_id, account_name=name))


async def set_limits(call: Call) -> Bare:
    """Replace limits; a null is the default again."""
    return await change(call, SetLimits(account_id=call.path["id"], **call.body))


async def change_state(call: Call, kind: type[Command]) -> Bare:
    """Move an account into another state."""
    return await change(call, kind(account_id=call.path["id"], **call.body))


async def change(call: Call, command: Command) -> Bare:
    """Ask for a change, and show the account as it is then."""
    return await ask(call, command, Told(show=partial(show_account, call.use(Rules))))


async def owner_of(call: Call, account_id: str) -> str:
    """Return whose account it is; that never changes."""
    loaded = await call.use(Watch).current(f"account-{account_id}")
    owner: str | None = getattr(loaded.state, "user_id", None)
    if owner is None:
        raise Refused(Reason.ACCOUNT_NOT_FOUND, account_id=account_id)
    return owner


LIMITS = FieldTable(
    (
        Field("daily_limit", money(zero=True), nullable=True),
        Field("single_limit", money(zero=True), nullable=True),
        Field("credit_limit", money(zero=True)),
    ),
    any_of=True,
)
WHY = FieldTable((Field("reason", text(1, REASON_LENGTH_MAX), required=True),))
POSSIBLE = (Reason.ACCOUNT_NOT_FOUND, Reason.INVALID_ACCOUNT_TRANSITION)
FOREIGN = Reason.UNAUTHORIZED_ACCESS


def changing(
    method: Method, part: str, handler: Handler, who: Who, summary: str
) -> Callable[..., Endpoint]:
    """Return what makes the route of a command about one account, given its body and reasons."""
    return partial(
        Endpoint,
        method=method,
        path="/api/accounts/{id}" + part,
        handler=handler,
        who=who,
        summary=summary,
        tag="Accounts",
        keyed=True,
        conditional=True,
        data=Account,
    )


def becoming(
    verb: str, kind: type[Command], who: Who, summary: str, body: FieldTable, *reasons: Reason
) -> Endpoint:
    """Return the route that moves an account into another state."""
    handler = partial(change_state, kind=kind)
    made = changing("POST", f"/{verb}", handler, who, summary)
    return made(body=body, reasons=(*POSSIBLE, *reasons))


ENDPOINTS = (
    changing("PUT", "", rename_account, CUSTOMER, "Rename an account")(
        body=FieldTable((NAME,)), reasons=(*POSSIBLE, FOREIGN, Reason.USER_NOT_FOUND)
    ),
    changing("PUT", "/limits", set_limits, ADMIN, "Change the limits of an account")(
        body=LIMITS,
        reasons=(
            *POSSIBLE,
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.CREDIT_LIMIT_NOT_ALLOWED,
            Reason.NEGATIVE_BALANCE,
            Reason.AMOUNT_EXCEEDS_LIMIT,
        ),
    ),
    becoming("freeze", FreezeAccount, STAFF, "Freeze an account", WHY),
    becoming("unfreeze", UnfreezeAccount, STAFF, "Unfreeze an account", WHY),
    becoming("deactivate", DeactivateAccount, CUSTOMER, "Put an account to rest", NOTHING, FOREIGN),
    becoming("activate", ActivateAccount, CUSTOMER, "Wake an account", NOTHING, FOREIGN),
    becoming(
        "close",
        CloseAccount,
        CUSTOMER,
        "Close an account",
        NOTHING,
        FOREIGN,
        Reason.ACCOUNT_NOT_EMPTY,
    ),
)
