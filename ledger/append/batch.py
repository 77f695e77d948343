"""A batch: commands decided together, and committed together or not at all."""

import asyncio

from ledger.append.memory import Overlay
from ledger.append.ports import Staged
from ledger.append.queue import Waiting

BATCH_MAX = 256


class Batch:
    """Commands decided together, what they changed, and what must be written for them."""

    def __init__(self, overlay: Overlay, staged: Staged) -> None:
        self.waiting: list[Waiting] = []
        self.overlay, self.staged = overlay, staged
        self.commit: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Say whether one more command may join."""
        return len(self.waiting) < BATCH_MAX
