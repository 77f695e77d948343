"""Every route that has to do with outside banks."""

from api.commands import callback, connections, reconciliation, syncs, webhooks
from api.commands.banks import bank_endpoints
from api.endpoint import Endpoint
from api.queries import banks as bank_queries
from api.queries import connections as connection_queries
from api.queries import webhooks as webhook_queries
from ops.settings import Settings


def bank_routes(settings: Settings) -> tuple[Endpoint, ...]:
    """Return the routes of catalogue, connections, syncs and reconciliation."""
    return (
        *bank_endpoints(check_digits=settings.flags.enable_advanced_validation),
        *connections.ENDPOINTS,
        *callback.ENDPOINTS,
        *syncs.ENDPOINTS,
        *reconciliation.ENDPOINTS,
        *webhooks.ENDPOINTS,
        *webhook_queries.ENDPOINTS,
        *bank_queries.ENDPOINTS,
        *connection_queries.ENDPOINTS,
    )
