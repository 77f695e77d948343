"""The application put together: endpoints compiled into Litestar, the front around it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import structlog
from litestar import Litestar, Request, Response
from prometheus_client import CollectorRegistry

from api.asgi import App
from api.call import KEY, Call
from api.callers import Authenticate, nobody
from api.docs import docs_endpoints
from api.edge import make_edge
from api.endpoint import Endpoint
from api.front import PATH_SHOWN_MAX, Front
from api.meters import Meters
from api.openapi import document
from api.outages import note_outage
from api.problems import as_refused
from api.queries import health, metrics, problems
from api.routing import compiled, refusal, routes
from api.wire import Wire
from ledger.errors import Reason, Refused

log = structlog.get_logger()
PUBLIC = (*health.ENDPOINTS, *metrics.ENDPOINTS, *problems.ENDPOINTS)
"""What every application has, whatever else it is made of."""


def create_app(
    endpoints: Iterable[Endpoint] = (),
    uses: Mapping[type, Any] | None = None,
    *,
    authenticate: Authenticate = nobody,
    wire: Wire | None = None,
    registry: CollectorRegistry | None = None,
) -> Front:
    """Return the ASGI application of `endpoints`, which find what they need in `uses`, by type."""
    wire = wire or Wire()
    meters = Meters(registry or CollectorRegistry())
    edge = make_edge(wire, authenticate, meters, uses or {})
    table = (*PUBLIC, *endpoints)
    table += docs_endpoints(table, wire.version)
    router = Litestar(
        route_handlers=[compiled(route) for route in routes(table)],
        exception_handlers={Exception: answer_failure},
        openapi_config=None,
        logging_config=None,
    )
    return Front(cast("App", router), edge)


def published(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of an application of `endpoints`."""
    table = (*PUBLIC, *endpoints)
    return document((*table, *docs_endpoints(table, version)), version)


def answer_failure(request: Request[Any, Any, Any], failure: Exception) -> Response[bytes]:
    """Answer what no handler answered: an unknown path, or a machine that broke."""
    scope: Mapping[str, Any] = request.scope
    call: Call = scope[KEY]
    refused = as_refused(failure)
    if refused.reason is Reason.RESOURCE_NOT_FOUND:
        refused = Refused(refused.reason, path=call.scope["path"][:PATH_SHOWN_MAX])
    if refused.reason is Reason.SERVICE_UNAVAILABLE:
        note_outage(failure, call.route)
    elif refused.reason.fact.retryable:
        log.error("http.failed", correlation_id=call.ids.id, route=call.route, exc_info=failure)
    bare = refusal(call, refused)
    headers = {name.decode(): value.decode() for name, value in bare.headers}
    return Response(
        bare.body,
        status_code=bare.status,
        headers=headers,
        media_type="application/problem+json",
    )
