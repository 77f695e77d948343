"""The bell: wakes whoever follows the log, after commits, from a connection of its own.

Coalesced, and never inside the append transaction, where NOTIFY would serialise all commits.
Missing a ring costs followers one poll; polling is what they rely on.
"""

import asyncio
from typing import Any

from psycopg import AsyncConnection, InterfaceError, OperationalError

from schema.postgres import connect_async

PAUSE_SECONDS = 0.002
RETRY_SECONDS = 1.0


class Bell:
    """Rings `ledger_appended` at most once every pause, however often it is asked to."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.asked = asyncio.Event()

    def ring(self, *_: Any) -> None:
        """Ask for a ring soon."""
        self.asked.set()

    async def run(self) -> None:
        """Ring when asked, for ever; a lost connection is opened again."""
        while True:
            try:
                connection = await connect_async(self.dsn, "ledgerbank_app")
                await self.ring_on(connection)
            except (OperationalError, InterfaceError):
                await asyncio.sleep(RETRY_SECONDS)

    async def ring_on(self, connection: AsyncConnection[Any]) -> None:
        """Ring on one connection until it breaks."""
        async with connection:
            while True:
                await self.asked.wait()
                self.asked.clear()
                await connection.execute(RING)
                await asyncio.sleep(PAUSE_SECONDS)


RING = "NOTIFY ledger_appended"
