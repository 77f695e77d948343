"""Commands about connections with outside banks: ask for one, ask again, sync, end."""

from functools import partial
from typing import Any

import msgspec

from api.asking import Told, ask
from api.banking import Banking, Connecting, Connection
from api.call import Call, caller_id
from api.callers import CUSTOMER
from api.commands.payments import Watch
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.journeys import Traveller, cookie_header, depart
from api.kinds import integer, pattern, uuid
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.connection import (
    ChangeSyncFrequency,
    ReopenConnection,
    RequestConnection,
    RevokeConnection,
)
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import new_id
from ledger.policies import access
from projections import banks

FREQUENCY_MIN_SECONDS, FREQUENCY_MAX_SECONDS, FREQUENCY_SECONDS = 300, 86_400, 3_600
FAILED_FROM = 400


async def request(call: Call) -> Bare:
    """Ask for a connection, and tell where to consent."""
    branch_id, user_id = call.body["bank_branch_id"], caller_id(call)
    bank = await banks.bank_of_branch(call.use(Banking).pool, branch_id)
    if bank is None:
        raise Refused(Reason.BRANCH_NOT_FOUND, field="bank_branch_id")
    if bank.provider is None or bank.status != "ACTIVE":
        raise Refused(Reason.CONNECTION_INACTIVE, status=bank.status, provider=bank.provider)
    connection_id = new_id()
    command = RequestConnection(
        connection_id=connection_id,
        user_id=user_id,
        bank_id=bank.id,
        bank_branch_id=branch_id,
        username=Private(call.body["username"], user_id),
        sync_frequency=call.body["sync_frequency"],
    )
    traveller = Traveller(
        connection_id=connection_id,
        user_id=user_id,
        provider=bank.provider,
        username=call.body["username"],
    )
    departure = await depart(call, traveller)
    told = Told(show=partial(show_connecting, departure.url), status=201)
    return with_cookie(call, await ask(call, command, told))


async def reconnect(call: Call) -> Bare:
    """Let the customer consent once more for the same connection."""
    connection_id = call.path["id"]
    loaded = await call.use(Watch).current(f"connection-{connection_id}")
    known: Any = loaded.state
    if loaded.version == 0:
        raise Refused(Reason.CONNECTION_NOT_FOUND, field="id")
    access.may_reconnect(call.principal.actor, known.terms.user_id)
    reveal = await call.use(Watch).reveal_of(loaded)
    traveller = Traveller(
        connection_id=connection_id,
        user_id=known.terms.user_id,
        provider=known.terms.provider,
        username=reveal(known.terms.username),
    )
    departure = await depart(call, traveller)
    told = Told(show=partial(show_connecting, departure.url))
    return with_cookie(call, await ask(call, ReopenConnection(connection_id=connection_id), told))


def with_cookie(call: Call, answer: Bare) -> Bare:
    """Bind the way that an answer begins to the browser that asked for it."""
    if answer.status >= FAILED_FROM:
        return answer
    url = msgspec.json.decode(answer.body)["data"]["authorization_url"]
    return msgspec.structs.replace(answer, headers=(*answer.headers, cookie_header(call, url)))


async def change(call: Call) -> Bare:
    """Sync more or less often from now on."""
    command = ChangeSyncFrequency(
        connection_id=call.path["id"], seconds=call.body["sync_frequency"]
    )
    return await ask(call, command, Told(show=show_connection))


async def revoke(call: Call) -> Bare:
    """End a connection for good; its accounts keep what they hold."""
    return await ask(
        call, RevokeConnection(connection_id=call.path["id"]), Told(show=show_connection)
    )


def show_connecting(url: str, loaded: Loaded, reveal: Reveal) -> Connecting:
    """Show a connection and where its customer has to consent."""
    return Connecting(connection=show_connection(loaded, reveal), authorization_url=url)


def show_connection(loaded: Loaded, reveal: Reveal) -> Connection:
    """Show a connection as it is once the command is done."""
    state: Any = loaded.state
    consent = state.consent
    return Connection(
        id=loaded.id,
        user_id=state.terms.user_id,
        bank_branch_id=state.terms.bank_branch_id,
        provider=state.terms.provider,
        username=reveal(state.terms.username),
        status=state.status,
        status_reason=state.status_reason,
        scope=None if consent is None else consent.scope,
        provider_user_id=None if consent is None else reveal(consent.provider_user_id),
        sync_frequency=state.sync_frequency,
        last_sync_at=state.last_sync_at,
        next_sync_at=state.next_sync_at,
        consent_expires_at=state.consent_expires_at,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


FREQUENCY = integer(FREQUENCY_MIN_SECONDS, FREQUENCY_MAX_SECONDS)
NEW = FieldTable(
    (
        Field("bank_branch_id", uuid(), required=True),
        Field("username", pattern("[A-Za-z0-9]{3,50}"), required=True),
        Field("sync_frequency", FREQUENCY, default=FREQUENCY_SECONDS),
    )
)
NOT_TO_BE_CHANGED = (Reason.INSUFFICIENT_PERMISSIONS, Reason.CONNECTION_NOT_FOUND)
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/bank-connections",
        handler=request,
        who=CUSTOMER,
        summary="Connect with an outside bank",
        tag="Bank connections",
        body=NEW,
        keyed=True,
        status=201,
        data=Connecting,
        reasons=(
            Reason.BRANCH_NOT_FOUND,
            Reason.CONNECTION_ALREADY_EXISTS,
            Reason.CONNECTION_INACTIVE,
        ),
    ),
    Endpoint(
        method="PUT",
        path="/api/bank-connections/{id}",
        handler=change,
        who=CUSTOMER,
        summary="Change how often a connection is synced",
        tag="Bank connections",
        body=FieldTable((Field("sync_frequency", FREQUENCY, required=True),)),
        keyed=True,
        conditional=True,
        data=Connection,
        reasons=NOT_TO_BE_CHANGED,
    ),
    Endpoint(
        method="POST",
        path="/api/bank-connections/{id}/reconnect",
        handler=reconnect,
        who=CUSTOMER,
        summary="Consent once more",
        tag="Bank connections",
        keyed=True,
        conditional=True,
        data=Connecting,
        reasons=(*NOT_TO_BE_CHANGED, Reason.CONNECTION_INACTIVE),
    ),
    Endpoint(
        method="DELETE",
        path="/api/bank-connections/{id}",
        handler=revoke,
        who=CUSTOMER,
        summary="End a connection",
        tag="Bank connections",
        keyed=True,
        conditional=True,
        data=Connection,
        reasons=NOT_TO_BE_CHANGED,
    ),
)
