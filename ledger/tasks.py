"""Tasks that go on for ever, and how they are ended."""

import asyncio
from typing import Any

AGAIN_SECONDS = 1


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until they are over.

    Once is not always enough: `asyncio.wait_for` of Python 3.11 forgets a cancellation that comes
    together with what was waited for, and a driver may take it for a lost connection.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
