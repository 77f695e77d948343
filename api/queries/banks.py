"""Questions about the catalogue of banks: which there are, and where their branches are."""

from api.books import Bank, Branch
from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading
from api.reply import Reply
from ledger.errors import Reason, Refused
from projections import banks
from projections.items import Item

KNOWN = HUMAN.or_service()


async def list_banks(call: Call) -> Reply:
    """List the banks of the catalogue."""
    wanted = read_list(call, banks.LISTING)
    return listed(await banks.page(call.use(Reading).pool, wanted))


async def show_bank(call: Call) -> Reply:
    """Show one bank."""
    found = await there(call)
    return Reply(data=found.data, version=found.version)


async def list_branches(call: Call) -> Reply:
    """List the branches of a bank."""
    await there(call)
    wanted = read_list(call, banks.BRANCHES, bank_id=call.path["id"])
    return listed(await banks.branches_page(call.use(Reading).pool, wanted))


async def there(call: Call) -> Item:
    """Return the bank of the path, or refuse."""
    found = await banks.one(call.use(Reading).pool, call.path["id"])
    if found is None:
        raise Refused(Reason.BANK_NOT_FOUND, field="id")
    return found


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/banks",
        handler=list_banks,
        who=KNOWN,
        summary="List banks",
        tag="Banks",
        query=list_fields(banks.LISTING),
        reads=("banks",),
        listed=True,
        data=list[Bank],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/banks/{id}",
        handler=show_bank,
        who=KNOWN,
        summary="Show a bank",
        tag="Banks",
        query=(),
        reads=("banks",),
        data=Bank,
        reasons=(Reason.BANK_NOT_FOUND,),
    ),
    Endpoint(
        method="GET",
        path="/api/banks/{id}/branches",
        handler=list_branches,
        who=KNOWN,
        summary="List the branches of a bank",
        tag="Banks",
        query=list_fields(banks.BRANCHES, "bank_id"),
        reads=("banks",),
        listed=True,
        data=list[Branch],
        metadata=ListMetadata,
        reasons=(Reason.BANK_NOT_FOUND,),
    ),
)
