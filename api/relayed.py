"""Relayed: answers about jobs wait until every event so far has become its jobs (jobs.md §2)."""

import asyncio

from api.call import Call
from api.consistency import EVENTUAL, Freshness
from api.reading import Reading
from ledger.errors import Reason, Refused
from schema.jobs import relayed

POLL_SECONDS = 0.02


async def until_relayed(call: Call) -> None:
    """Wait for the relay, as long as a query waits for read models; a hurried caller does not."""
    if call.headers.get(b"ledger-consistency", b"").strip().lower() == EVENTUAL:
        return
    loop = asyncio.get_running_loop()
    until = loop.time() + call.use(Freshness).wait_ms / 1000
    while True:
        async with call.use(Reading).pool.connection() as connection:
            if await relayed(connection):
                return
        if loop.time() >= until:
            raise Refused(Reason.PROJECTION_LAGGING, projection="jobs")
        await asyncio.sleep(POLL_SECONDS)
