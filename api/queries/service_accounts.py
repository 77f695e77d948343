"""Questions about service accounts: which machines may act, and within which scopes."""

from api.call import Call
from api.callers import INSPECTOR
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading
from api.reply import Reply
from api.service_shapes import ServiceAccount
from ledger.errors import Reason, Refused
from projections import service_accounts


async def list_service_accounts(call: Call) -> Reply:
    """List all service accounts, disabled ones too."""
    wanted = read_list(call, service_accounts.LISTING)
    return listed(await service_accounts.page(call.use(Reading).pool, wanted))


async def show_service_account(call: Call) -> Reply:
    """Show one service account, never its key."""
    found = await service_accounts.one(call.use(Reading).pool, call.path["id"])
    if found is None:
        raise Refused(Reason.SERVICE_ACCOUNT_NOT_FOUND, field="id")
    return Reply(data=found.data, version=found.version)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/service-accounts",
        handler=list_service_accounts,
        who=INSPECTOR,
        summary="List service accounts",
        tag="Service accounts",
        query=list_fields(service_accounts.LISTING),
        reads=("service_accounts",),
        listed=True,
        data=list[ServiceAccount],
        metadata=ListMetadata,
    ),
    Endpoint(
        method="GET",
        path="/api/service-accounts/{id}",
        handler=show_service_account,
        who=INSPECTOR,
        summary="Show a service account",
        tag="Service accounts",
        query=(),
        reads=("service_accounts",),
        data=ServiceAccount,
        reasons=(Reason.SERVICE_ACCOUNT_NOT_FOUND,),
    ),
)
