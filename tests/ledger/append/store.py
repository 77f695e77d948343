"""A process's way to the database in memory, with pauses and faults where a network has them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager

from ledger.append.ports import (
    Decided,
    Fetched,
    Head,
    OutcomeUnknown,
    Remembered,
    Staged,
    Unavailable,
)
from ledger.commands.asked import Loaded
from ledger.events.recorded import Recorded
from tests.ledger.append.database import Database, positioned

BEFORE, AFTER, DOWN = "lost before it was written", "lost after it was written", "out of reach"


class FakeStore:
    """One process's way to the database; `faults` meet its appends, in order."""

    def __init__(self, database: Database, pauses: Iterator[int] | None = None) -> None:
        self.database, self.pauses = database, pauses
        self.faults: deque[str | Exception] = deque()
        self.down = False
        self.before_commit: deque[Callable[[], None]] = deque()
        self.before_answering: deque[Callable[[], None]] = deque()
        self.poisoned: set[str] = set()
        self.unwritable: set[str] = set()
        self.fetched: list[set[str]] = []

    async def on_the_way(self) -> None:
        """Let others go on for a moment: the network."""
        for _ in range(next(self.pauses, 1) if self.pauses else 1):
            await asyncio.sleep(0)

    async def pause(self) -> None:
        """Go to the database, if it can be reached."""
        await self.on_the_way()
        if self.down:
            raise Unavailable

    def fault(self, kind: str) -> None:
        """Meet the next fault if it is of this kind."""
        if self.faults and self.faults[0] == kind:
            self.faults.popleft()
            raise Unavailable if kind == DOWN else OutcomeUnknown

    async def head(self) -> Head:
        await self.pause()
        return self.database.head

    def stage(self, head: Head) -> "FakeStaged":
        return FakeStaged(head, self.unwritable)

    async def commit(self, staged: Staged) -> None:
        assert isinstance(staged, FakeStaged)
        await self.pause()
        if self.before_commit:
            self.before_commit.popleft()()
        if self.faults and isinstance(self.faults[0], Exception):
            raise self.faults.popleft()  # type: ignore[misc]  # just looked at
        self.fault(DOWN)
        self.fault(BEFORE)
        async with self.database.lock:
            self.database.append(staged.before, staged.decided)
        await self.on_the_way()
        self.fault(AFTER)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["FakeTurn"]:
        await self.pause()
        async with self.database.lock:
            turn = FakeTurn(self, self.database.head)
            yield turn
            self.fault(DOWN)
            self.fault(BEFORE)
            if turn.written is not None:
                self.database.append(turn.head, turn.written)
        self.fault(AFTER)

    async def follow(self, since: int) -> Sequence[Recorded]:
        await self.pause()
        return self.database.log[since:]

    async def fetch(self, keys: Collection[str]) -> Fetched:
        self.fetched.append(set(keys))
        await self.pause()
        if self.poisoned & set(keys):
            raise ValueError("a stream that nobody can read")
        fetched = self.database.read(keys)
        if self.before_answering:
            self.before_answering.popleft()()
        await self.pause()
        return fetched

    async def find(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Remembered]:
        await self.pause()
        commands = self.database.commands
        return {name: commands[name] for name in names if name in commands}

    async def save_snapshot(self, stream_id: str, loaded: Loaded) -> None:
        await self.pause()
        self.database.rows["snapshots", stream_id] = {"version": loaded.version}


class FakeTurn:
    """The head row, locked; what is appended counts when the context ends."""

    def __init__(self, store: FakeStore, head: Head) -> None:
        self.store, self.head = store, head
        self.written: Sequence[Decided] | None = None

    async def follow(self, since: int) -> Sequence[Recorded]:
        return await self.store.follow(since)

    async def fetch(self, keys: Collection[str]) -> Fetched:
        return await self.store.fetch(keys)

    async def append(self, staged: Staged) -> None:
        assert isinstance(staged, FakeStaged)
        assert staged.before == self.head
        await self.store.pause()
        self.store.database.refuse_taken(
            list(positioned(self.head.position, staged.decided)), staged.decided
        )
        self.written = staged.decided


class FakeStaged:
    """A batch as it grows; commands by an `unwritable` id spoil it half way."""

    def __init__(self, before: Head, unwritable: set[str]) -> None:
        self.before, self.unwritable = before, unwritable
        self.decided: list[Decided] = []

    @property
    def head(self) -> Head:
        length = sum(len(each.events) for each in self.decided)
        times = [each.now for each in self.decided if each.events]
        at = times[-1] if times else self.before.recorded_at
        return Head(self.before.position + length, b"", at, self.before.epoch)

    def add(self, decided: Decided) -> None:
        self.decided.append(decided)
        if decided.command_id in self.unwritable:
            raise ValueError("what nobody can encode")
