"""Questions about transfers: money moved between two accounts, seen from either side."""

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, owner_of, read_list
from api.reading import Reading, permit_named_account, visible
from api.reply import Reply
from api.shapes import Transfer
from ledger.errors import Reason
from ledger.policies import access
from projections import transfers

READS_ACCOUNTS = HUMAN.or_service("accounts:read")


async def list_transfers(call: Call) -> Reply:
    """List transfers out of or into the caller's accounts, or whose a reader asks for."""
    wanted = read_list(call, transfers.LISTING)
    await permit_named_account(call)
    owner = owner_of(call, wanted)
    return listed(await transfers.page(call.use(Reading).pool, wanted, owner))


async def show_transfer(call: Call) -> Reply:
    """Show one transfer to the owners of its accounts."""
    found = await transfers.one(call.use(Reading).pool, call.path["id"])
    shown = visible(call, found, access.may_read_transfer, Reason.TRANSFER_NOT_FOUND)
    return Reply(data=shown.data, version=shown.version)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/transfers",
        handler=list_transfers,
        who=READS_ACCOUNTS,
        summary="List transfers",
        tag="Transfers",
        query=list_fields(transfers.LISTING),
        reads=("accounts", "transfers"),
        listed=True,
        data=list[Transfer],
        metadata=ListMetadata,
        reasons=(Reason.UNAUTHORIZED_ACCESS,),
    ),
    Endpoint(
        method="GET",
        path="/api/transfers/{id}",
        handler=show_transfer,
        who=READS_ACCOUNTS,
        summary="Show a transfer",
        tag="Transfers",
        query=(),
        reads=("transfers",),
        data=Transfer,
        reasons=(Reason.UNAUTHORIZED_ACCESS, Reason.TRANSFER_NOT_FOUND),
    ),
)
