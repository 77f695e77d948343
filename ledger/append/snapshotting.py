"""Snapshotting: long streams are kept as states from time to time, after the append."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ledger.append.ports import Store, Unavailable
from ledger.commands.asked import Loaded

EVERY = 200
PAUSE_SECONDS = 1.0


class Snapshotting:
    """Saves a stream's newest state once it is `EVERY` events past the last one saved."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.saved: dict[str, int] = {}
        self.due: dict[str, Loaded] = {}

    def note(self, changed: Mapping[str, Any]) -> None:
        """Hear what a committed batch changed."""
        for stream_id, loaded in changed.items():
            long = isinstance(loaded, Loaded) and loaded.version >= EVERY
            if long and loaded.version - self.saved.get(stream_id, 0) >= EVERY:
                self.due[stream_id] = loaded

    async def run(self) -> None:
        """Save what is due, for ever; a store out of reach costs nothing but a later snapshot."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            await self.save_due()

    async def save_due(self) -> None:
        """Save what is due now."""
        due, self.due = self.due, {}
        for stream_id, loaded in due.items():
            try:
                await self.store.save_snapshot(stream_id, loaded)
            except Unavailable:
                return
            self.saved[stream_id] = loaded.version
