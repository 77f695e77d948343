"""GET /api/ws over plain HTTP: a WebSocket is opened by an upgrade, and by nothing else."""

from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint
from api.reply import Bare
from ledger.errors import Reason, Refused


async def not_an_upgrade(_: Call) -> Bare:
    """Refuse a request that asks for no WebSocket, or for one that cannot be given."""
    raise Refused(Reason.INVALID_REQUEST, header="Upgrade")


ENDPOINT = Endpoint(
    method="GET",
    path="/api/ws",
    handler=not_an_upgrade,
    who=ANYONE,
    summary="Open a WebSocket (by an upgrade)",
    tag="Streams",
    status=101,
    produces="",
    reasons=(
        Reason.INVALID_REQUEST,
        Reason.FORBIDDEN,
        Reason.INVALID_TOKEN,
        Reason.INSUFFICIENT_PERMISSIONS,
    ),
)
ENDPOINTS = (ENDPOINT,)
