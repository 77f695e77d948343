"""Commands about accounts: opening one."""

from functools import partial
from typing import Any

from api.asking import Told, ask
from api.call import Call, caller_id
from api.callers import CUSTOMER
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import currency, enum, money, pattern, text, uuid
from api.reply import Bare
from api.shapes import Account
from ledger.commands.account import OpenAccount
from ledger.commands.asked import Loaded, Reveal
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import new_id
from ledger.money import decimal_text, parse_minor
from ledger.policies.limits import Rules

NAME_LENGTH_MAX = 100
ACCOUNT_TYPES = ("CHECKING", "SAVINGS", "CREDIT", "INVESTMENT")


async def open_account(call: Call) -> Bare:
    """Open an account for the caller, or for whom the caller may open one."""
    body, account_id = call.body, new_id()
    user_id = body.get("user_id") or own_id(call)
    refuse_half_a_link(body)
    command = OpenAccount(
        account_id=account_id,
        user_id=user_id,
        currency=body["currency"],
        account_type=body["account_type"],
        account_name=Private(body["account_name"], user_id),
        last_four=body.get("last_four") or any_four(account_id),
        credit_limit=minor(body, "credit_limit"),
        opening_balance=minor(body, "opening_balance"),
        opening_posting_id=new_id(),
        bank_connection_id=body.get("bank_connection_id"),
        external_account_id=body.get("external_account_id"),
    )
    show = partial(show_account, call.use(Rules))
    return await ask(call, command, Told(show=show, status=201, location="/api/accounts/{id}"))


def own_id(call: Call) -> str:
    """Return the caller's id; a service account, which has no accounts, must name an owner."""
    if call.principal.kind == "service":
        raise Refused(Reason.MISSING_FIELDS, field="user_id")
    return caller_id(call)


def refuse_half_a_link(body: Any) -> None:
    """Refuse an account at an outside bank without the connection it is read through."""
    if "external_account_id" in body and "bank_connection_id" not in body:
        raise Refused(
            Reason.INVALID_FIELD_VALUE, field="external_account_id", needs="bank_connection_id"
        )


def any_four(account_id: str) -> str:
    """Return the last four digits of a made-up account number."""
    return f"{int(account_id[-8:], 16) % 10_000:04d}"


def minor(body: Any, field: str) -> int:
    """Return an optional amount in minor units of the account's currency."""
    amount = body.get(field)
    return 0 if amount is None else parse_minor(amount, body["currency"], field)


def show_account(rules: Rules, loaded: Loaded, reveal: Reveal) -> Account:
    """Show an account as it is once the command is done."""
    state: Any = loaded.state

    def shown(amount: int) -> str:
        return decimal_text(amount, state.currency)

    return Account(
        id=loaded.id,
        user_id=state.user_id,
        currency=state.currency,
        account_type=state.account_type,
        account_name=reveal(state.account_name),
        status=state.status,
        status_reason=state.status_reason,
        balance=shown(state.balance),
        held=shown(state.held),
        available=shown(state.available),
        credit_limit=shown(state.credit_limit),
        daily_limit=shown(daily_limit(rules, state)),
        single_limit=shown(single_limit(rules, state)),
        limits_overridden=(state.daily_limit, state.single_limit) != (None, None),
        last_four=state.last_four,
        bank_connection_id=state.bank_connection_id,
        external_account_id=state.external_account_id,
        last_sync_at=None,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


def daily_limit(rules: Rules, state: Any) -> int:
    """Return the limit of a day: the account's own, or the default of its type."""
    own: int | None = state.daily_limit
    return rules.daily(state.account_type, state.currency) if own is None else own


def single_limit(rules: Rules, state: Any) -> int:
    """Return the limit of one movement: the account's own, or the default."""
    own: int | None = state.single_limit
    return rules.single(state.currency) if own is None else own


NAME = Field(
    "account_name", text(1, NAME_LENGTH_MAX, Reason.INVALID_ACCOUNT_NAME_FORMAT), required=True
)
OPENING = FieldTable(
    (
        Field("currency", currency(), required=True),
        Field(
            "account_type", enum(*ACCOUNT_TYPES, reason=Reason.INVALID_ACCOUNT_TYPE), required=True
        ),
        NAME,
        Field("user_id", uuid()),
        Field("last_four", pattern("[0-9]{4}", expected="four digits")),
        Field("bank_connection_id", uuid()),
        Field("external_account_id", pattern("[A-Za-z0-9_.:-]{1,64}")),
        Field("credit_limit", money(zero=True)),
        Field("opening_balance", money()),
    )
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/accounts",
        handler=open_account,
        who=CUSTOMER.or_service("accounts:write"),
        summary="Open an account",
        tag="Accounts",
        body=OPENING,
        keyed=True,
        status=201,
        data=Account,
        reasons=(
            Reason.USER_NOT_FOUND,
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.CONNECTION_NOT_FOUND,
            Reason.UNAUTHORIZED_ACCESS,
            Reason.CONNECTION_INACTIVE,
            Reason.ACCOUNT_ALREADY_LINKED,
            Reason.CREDIT_LIMIT_NOT_ALLOWED,
        ),
    ),
)
