"""Questions about circuit breakers: which outside systems are being left alone."""

import asyncio

from api.breakers import Breaker, BreakerPanel
from api.call import Call
from api.callers import READER
from api.endpoint import Endpoint
from api.envelope import encoded
from api.reply import Reply


async def list_breakers(call: Call) -> Reply:
    """List every breaker, by name."""
    return Reply(data=encoded(await asyncio.to_thread(call.use(BreakerPanel).standings)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/circuit-breakers",
        handler=list_breakers,
        who=READER,
        summary="List the circuit breakers and how they stand",
        tag="Operations",
        query=(),
        data=list[Breaker],
    ),
)
