"""Questions about webhook endpoints: which there are, and what became of their deliveries."""

from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.lists import ListMetadata, list_fields, listed, read_list
from api.reading import Reading, actor_of, visible
from api.reply import Reply
from api.webhook_shapes import Delivery, WebhookEndpoint
from ledger.errors import Reason
from ledger.policies import access
from projections import webhook_endpoints
from projections.items import Item

NOT_TO_BE_SEEN = (Reason.INSUFFICIENT_PERMISSIONS, Reason.WEBHOOK_ENDPOINT_NOT_FOUND)


async def list_endpoints(call: Call) -> Reply:
    """List the caller's endpoints; administrators and auditors see everybody's."""
    wanted = read_list(call, webhook_endpoints.LISTING)
    everybody = access.may_read_endpoint.allows(actor_of(call))
    owner = None if everybody else call.principal.id
    if wanted.scope == "own" and "scope" in call.query:
        owner = call.principal.id
    elif everybody and wanted.user_id is not None:
        owner = wanted.user_id
    elif not everybody:
        owner = wanted.owner(call.principal.id, reader=False)
    return listed(await webhook_endpoints.page(call.use(Reading).pool, wanted, owner))


async def show_endpoint(call: Call) -> Reply:
    """Show one endpoint, never its secret."""
    found = await readable(call)
    return Reply(data=found.data, version=found.version)


async def list_deliveries(call: Call) -> Reply:
    """List what was sent to an endpoint, or is to be."""
    await readable(call)
    wanted = read_list(call, webhook_endpoints.DELIVERIES, endpoint_id=call.path["id"])
    return listed(await webhook_endpoints.deliveries(call.use(Reading).pool, wanted))


async def readable(call: Call) -> Item:
    """Return an endpoint that is there and open to the caller."""
    found = await webhook_endpoints.one(call.use(Reading).pool, call.path["id"])
    return visible(call, found, access.may_read_endpoint, Reason.WEBHOOK_ENDPOINT_NOT_FOUND)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/webhook-endpoints",
        handler=list_endpoints,
        who=HUMAN,
        summary="List webhook endpoints",
        tag="Webhook endpoints",
        query=list_fields(webhook_endpoints.LISTING),
        reads=("webhook_endpoints",),
        listed=True,
        data=list[WebhookEndpoint],
        metadata=ListMetadata,
        reasons=(Reason.INSUFFICIENT_PERMISSIONS,),
    ),
    Endpoint(
        method="GET",
        path="/api/webhook-endpoints/{id}",
        handler=show_endpoint,
        who=HUMAN,
        summary="Show a webhook endpoint",
        tag="Webhook endpoints",
        query=(),
        reads=("webhook_endpoints",),
        data=WebhookEndpoint,
        reasons=NOT_TO_BE_SEEN,
    ),
    Endpoint(
        method="GET",
        path="/api/webhook-endpoints/{id}/deliveries",
        handler=list_deliveries,
        who=HUMAN,
        summary="List the deliveries of a webhook endpoint",
        tag="Webhook endpoints",
        query=list_fields(webhook_endpoints.DELIVERIES, "endpoint_id"),
        reads=("webhook_endpoints",),
        listed=True,
        data=list[Delivery],
        metadata=ListMetadata,
        reasons=NOT_TO_BE_SEEN,
    ),
)
