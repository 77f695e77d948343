"""Streams that are open: a few per caller, and only for as long as their caller may listen."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Literal, TypeAlias

from api.asgi import Headers
from api.call import Call, caller_id
from api.edge import Edge
from api.feed import Feed
from api.reading import Reading
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from projections.checkpoints import UNREACHABLE
from schema.open_streams import LEASE_SECONDS, close_stream, keep_stream, open_stream
from schema.postgres import Pool

Kind: TypeAlias = Literal["sse", "websocket"]
OPEN_MAX = 5
STANDING_SECONDS = 2.0
"""How often an idle stream is asked whether its caller may still listen."""
RENEW_SECONDS = LEASE_SECONDS / 3
RETRY_MS = 5_000


class OpenStream:
    """One stream; `headers` carry what proves its caller."""

    def __init__(self, edge: Edge, pool: Pool, stream_id: str, headers: Headers) -> None:
        self.edge, self.pool, self.id, self.headers = edge, pool, stream_id, headers
        self.renewed = monotonic()

    async def ended(self) -> Reason | None:
        """Return why the stream has to end now; None while its caller may listen."""
        if self.edge.uses[Feed].closing:
            return Reason.SERVICE_UNAVAILABLE
        try:
            await self.edge.authenticate(self.headers)
            await self.renew()
        except Refused as refused:
            if refused.reason is Reason.TOKEN_EXPIRED:
                return Reason.TOKEN_EXPIRED
            return Reason.TOKEN_REVOKED
        except UNREACHABLE:
            return Reason.SERVICE_UNAVAILABLE
        return None

    async def renew(self) -> None:
        """Say now and then that the stream is open."""
        if monotonic() - self.renewed >= RENEW_SECONDS:
            async with self.pool.connection() as connection:
                await keep_stream(connection, self.id)
            self.renewed = monotonic()


@asynccontextmanager
async def opened(call: Call, kind: Kind, headers: Headers) -> AsyncGenerator[OpenStream, None]:
    """Count a stream of the caller for the length of the block; one too many is refused."""
    pool, stream_id, caller = call.use(Reading).pool, new_id(), caller_id(call)
    async with pool.connection() as connection:
        admitted = await open_stream(connection, stream_id, caller, kind, OPEN_MAX)
    if not admitted:
        raise Refused(
            Reason.RATE_LIMIT_EXCEEDED, policy="streams", limit=OPEN_MAX, retry_after_ms=RETRY_MS
        )
    meter = call.edge.meters.open_streams.labels(kind)
    meter.inc()
    try:
        yield OpenStream(call.edge, pool, stream_id, headers)
    finally:
        meter.dec()
        with suppress(*UNREACHABLE):
            async with pool.connection() as connection:
                await close_stream(connection, stream_id)
