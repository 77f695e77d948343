"""A process that transfers from one account until its money is gone."""

import asyncio
import sys

from ledger.errors import Reason, Refused
from tests.ledger.durable.bank import BY_SYSTEM, ledger_on, transfer

TRANSFERS = 150
CALLERS = 8


async def hammer(dsn: str, source: str, destination: str, writer: str) -> tuple[int, int]:
    """Transfer from a ledger of its own until the money is gone; count accepted and refused."""
    accepted = refused = 0

    async def caller() -> None:
        nonlocal accepted, refused
        for _ in range(TRANSFERS // CALLERS):
            try:
                await ledger.handle(transfer(source, destination, writer), BY_SYSTEM)
                accepted += 1
            except Refused as told:
                if told.reason is not Reason.INSUFFICIENT_FUNDS:
                    raise
                refused += 1

    async with ledger_on(dsn) as ledger:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return accepted, refused


if __name__ == "__main__":
    print(*asyncio.run(hammer(*sys.argv[1:])))
