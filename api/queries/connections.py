"""Questions about outside banks: who is connected with which, and where our books differ."""

from api.banking import Connection, Discrepancy
from api.call import Call
from api.callers import HUMAN, READER
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, owner_of, read_list
from api.reading import Reading, visible
from api.reply import Reply
from ledger.errors import Reason
from ledger.policies import access
from projections import connections, reconciliation


async def list_connections(call: Call) -> Reply:
    """List the caller's connections, or whose a reader asks for."""
    wanted = read_list(call, connections.LISTING)
    owner = owner_of(call, wanted)
    return listed(await connections.page(call.use(Reading).pool, wanted, owner))


async def show_connection(call: Call) -> Reply:
    """Show one connection, never its tokens."""
    found = await connections.one(call.use(Reading).pool, call.path["id"])
    shown = visible(call, found, access.may_read_connection, Reason.CONNECTION_NOT_FOUND)
    return Reply(data=shown.data, version=shown.version)


async def list_discrepancies(call: Call) -> Reply:
    """List where our books and outside banks differ, or did."""
    wanted = read_list(call, reconciliation.LISTING)
    return listed(await reconciliation.page(call.use(Reading).pool, wanted))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/bank-connections",
        handler=list_connections,
        who=HUMAN,
        summary="List connections with outside banks",
        tag="Bank connections",
        query=list_fields(connections.LISTING),
        reads=("connections",),
        listed=True,
        data=list[Connection],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/bank-connections/{id}",
        handler=show_connection,
        who=HUMAN,
        summary="Show a connection",
        tag="Bank connections",
        query=(),
        reads=("connections",),
        data=Connection,
        reasons=(Reason.INSUFFICIENT_PERMISSIONS, Reason.CONNECTION_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/reconciliation",
        handler=list_discrepancies,
        who=READER,
        summary="List discrepancies",
        tag="Reconciliation",
        query=list_fields(reconciliation.LISTING),
        reads=("reconciliation",),
        listed=True,
        data=list[Discrepancy],
        metadata=ListMetadata,
    ),
)
