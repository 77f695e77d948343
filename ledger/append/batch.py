"""A batch: commands decided together, and committed together or not at all."""

import asyncio

from msgspec.structs import replace

from ledger.append.memory import Overlay
from ledger.append.ports import Head, Staged
from ledger.append.queue import Waiting

BATCH_MAX = 256


class Batch:
    """Commands decided together, what they changed, and what must be written for them."""

    def __init__(self, overlay: Overlay, staged: Staged) -> None:
        self.waiting: list[Waiting] = []
        self.weight = 0
        self.overlay, self.staged = overlay, staged
        self.commit: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Say whether one more command may join."""
        return self.weight < BATCH_MAX


def moved(head: Head, waiting: Waiting) -> Head:
    """Return the head as a decided command will leave it, as far as decisions look at it."""
    written = waiting.verdict.decided
    return replace(head, position=head.position + (len(written.events) if written else 0))
