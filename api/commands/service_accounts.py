"""Commands about service accounts: create, give a new key, disable."""

from functools import partial
from typing import Any

from api.asking import Told, ask
from api.call import Call
from api.callers import ADMIN
from api.endpoint import Endpoint
from api.fields import Document, Field, FieldTable, Kind
from api.gate import Gate
from api.kinds import text
from api.reply import Bare
from api.service_keys import NewKey, new_key
from api.service_shapes import KeyedServiceAccount, ServiceAccount
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.service_account import (
    CreateServiceAccount,
    DisableServiceAccount,
    RotateServiceKey,
)
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from ledger.policies.access import SCOPES
from schema.service_keys import service_key_of

NAME_LENGTH_MAX = 100
USUAL_SCOPES = tuple(scope for scope in SCOPES if scope != "accounts:write")


async def create(call: Call) -> Bare:
    """Let a machine in, and show its key this once."""
    service_id = new_id()
    key = new_key(service_id)
    command = CreateServiceAccount(
        service_id=service_id,
        name=call.body["name"],
        scopes=tuple(call.body["scopes"]),
        key_prefix=key.prefix,
        key_hash=key.digest,
        data_key_id=new_id(),
    )
    told = keyed(key, None, status=201, location="/api/service-accounts/{id}")
    return await ask(call, command, told)


async def rotate(call: Call) -> Bare:
    """Replace a machine's key, and show the new one this once."""
    service_id = call.path["id"]
    key = new_key(service_id)
    command = RotateServiceKey(service_id=service_id, key_prefix=key.prefix, key_hash=key.digest)
    return await ask(call, command, keyed(key, await last_use(call, service_id)))


async def disable(call: Call) -> Bare:
    """End a machine for good."""
    service_id = call.path["id"]
    shown = partial(show_service_account, await last_use(call, service_id))
    return await ask(call, DisableServiceAccount(service_id=service_id), Told(show=shown))


async def last_use(call: Call, service_id: str) -> str | None:
    """Return when a machine called last."""
    async with call.use(Gate).pool.connection() as connection:
        row = await service_key_of(connection, service_id)
    return None if row is None else row.last_used_at


def keyed(key: NewKey, used_at: str | None, **told: Any) -> Told:
    """Return how a new key is told: to whoever asked, and to nobody again."""

    def show(loaded: Loaded, reveal: Reveal) -> KeyedServiceAccount:
        shown = show_service_account(used_at, loaded, reveal)
        fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
        return KeyedServiceAccount(**fields, api_key=None)

    return Told(show=show, once={"api_key": key.text}, **told)


def show_service_account(used_at: str | None, loaded: Loaded, _: Reveal) -> ServiceAccount:
    """Show a service account as it is once the command is done."""
    state: Any = loaded.state
    return ServiceAccount(
        id=loaded.id,
        name=state.name,
        scopes=list(state.scopes),
        status=state.__struct_config__.tag.upper(),
        key_prefix=state.key_prefix,
        last_used_at=used_at,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


def scopes() -> Kind:
    """Take names of scopes, at least one, in any order; they are kept in that of the table."""

    def read(value: Any, _: Document) -> list[str]:
        named = value if isinstance(value, list) else []
        if not named or any(each not in SCOPES for each in named):
            raise Refused(Reason.INVALID_FIELD_VALUE, allowed=list(SCOPES))
        return [scope for scope in SCOPES if scope in named]

    schema = {
        "type": "array",
        "items": {"type": "string", "enum": list(SCOPES)},
        "minItems": 1,
        "default": list(USUAL_SCOPES),
    }
    return Kind(read=read, schema=schema, reasons=(Reason.INVALID_FIELD_VALUE,))


NEW = FieldTable(
    (
        Field(
            "name",
            text(1, NAME_LENGTH_MAX, Reason.INVALID_NAME_FORMAT, plain=True),
            required=True,
        ),
        Field("scopes", scopes(), default=list(USUAL_SCOPES)),
    )
)
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/service-accounts",
        handler=create,
        who=ADMIN,
        summary="Create a service account",
        tag="Service accounts",
        body=NEW,
        keyed=True,
        status=201,
        data=KeyedServiceAccount,
        shows_secret=True,
    ),
    Endpoint(
        method="POST",
        path="/api/service-accounts/{id}/rotate-key",
        handler=rotate,
        who=ADMIN,
        summary="Replace the key of a service account",
        tag="Service accounts",
        keyed=True,
        conditional=True,
        data=KeyedServiceAccount,
        shows_secret=True,
        reasons=(Reason.SERVICE_ACCOUNT_NOT_FOUND,),
    ),
    Endpoint(
        method="DELETE",
        path="/api/service-accounts/{id}",
        handler=disable,
        who=ADMIN,
        summary="Disable a service account",
        tag="Service accounts",
        keyed=True,
        conditional=True,
        data=ServiceAccount,
        reasons=(Reason.SERVICE_ACCOUNT_NOT_FOUND,),
    ),
)
