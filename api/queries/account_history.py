"""Questions about one account over time: its health today, its events, what made up its balance."""

from msgspec.structs import replace

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import now_text
from api.lists import ListMetadata, list_fields, listed, read_list
from api.queries.account_shapes import AccountEvent, BalanceLine, Explained
from api.queries.accounts import NOT_TO_BE_SEEN, readable, view
from api.reading import Reading, viewer_of
from api.reply import Reply
from api.shapes import AccountHealth
from api.time_travel import TRAVEL, as_of, asked_moment
from ledger.errors import Reason, Refused
from ledger.money import decimal_text
from projections import account_history, accounts
from projections.account_health import health
from projections.account_history import Viewer
from projections.moments import Moment, moment_at
from projections.past_accounts import account_at


async def show_health(call: Call) -> Reply:
    """Show how much of its limits an account has used today."""
    reading = call.use(Reading)
    found = await health(reading.pool, call.path["id"], view(reading.rules))
    return Reply(data=readable(call, found).data)


async def list_events(call: Call) -> Reply:
    """List what happened to an account, oldest first."""
    reading, account_id = call.use(Reading), call.path["id"]
    name = f"events of {account_id}"
    wanted = read_list(call, replace(account_history.EVENTS, name=name))
    readable(call, await accounts.balance(reading.pool, account_id, now_text()))
    viewer = Viewer(viewer_of(call), account_id)
    return listed(await account_history.events(reading.past, wanted, viewer))


async def explain_balance(call: Call) -> Reply:
    """List the entries that made up a balance, newest first."""
    reading, account_id = call.use(Reading), call.path["id"]
    moment = await asked_moment(call) or await this_moment(call)
    name = f"entries of {account_id} at {moment.position}"
    wanted = read_list(call, replace(account_history.ENTRIES, name=name))
    readable(call, await accounts.balance(reading.pool, account_id, now_text()))
    async with reading.pool.connection() as connection:
        found = await account_at(connection, reading.keks, account_id, moment.position)
    if found is None:
        raise Refused(Reason.ACCOUNT_NOT_FOUND, account_id=account_id)
    viewer, currency = Viewer(viewer_of(call), account_id), found.currency
    page = await account_history.explained(reading.past, wanted, viewer, found.version, currency)
    balance = decimal_text(found.balance, currency)
    return listed(page, balance=balance, currency=currency, as_of=as_of(moment))


async def this_moment(call: Call) -> Moment:
    """Return the moment of the question itself."""
    async with call.use(Reading).pool.connection() as connection:
        return await moment_at(connection, now_text())


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/health",
        handler=show_health,
        who=HUMAN,
        summary="Show how an account stands today",
        tag="Accounts",
        query=(),
        reads=("accounts",),
        data=AccountHealth,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/events",
        handler=list_events,
        who=HUMAN,
        summary="List the events of an account",
        tag="Accounts",
        query=list_fields(account_history.EVENTS),
        reads=("accounts",),
        listed=True,
        data=list[AccountEvent],
        metadata=ListMetadata,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/accounts/{id}/balance/explain",
        handler=explain_balance,
        who=HUMAN,
        summary="Explain a balance",
        tag="Accounts",
        query=(*list_fields(account_history.ENTRIES), *TRAVEL),
        reads=("accounts",),
        listed=True,
        data=list[BalanceLine],
        metadata=Explained,
        reasons=NOT_TO_BE_SEEN,
    ),
)
