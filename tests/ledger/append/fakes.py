"""A database and a vault in memory that keep every promise of `ledger.append.ports`."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from ledger.append.memory import CLAIM, folded, unheard_of
from ledger.append.ports import (
    Collided,
    Decided,
    Fetched,
    Head,
    HeadMoved,
    Key,
    OutcomeUnknown,
    Remembered,
    Store,
    Unavailable,
    Vault,
)
from ledger.commands.asked import Loaded
from ledger.decisions.view import ABSENT, Claim, ClaimChange, NotLoaded, PrivateRow
from ledger.events.event import Event, Sealed
from ledger.events.recorded import SYSTEM, Envelope, Metadata, Recorded
from tests.builders import NOON, Line

BEFORE, AFTER, DOWN = "lost before it was written", "lost after it was written", "out of reach"


class Database:
    """What all stores share: the log, its head row with its lock, commands, claims and rows."""

    def __init__(self) -> None:
        self.head = Head(0, b"", NOON, "epoch")
        self.lock = asyncio.Lock()
        self.log: list[Recorded] = []
        self.streams: dict[str, list[Recorded]] = defaultdict(list)
        self.commands: dict[tuple[str, str], Remembered] = {}
        self.claims: dict[tuple[str, str], Claim] = {}
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.batches: list[int] = []

    def append(self, head: Head, decided: Sequence[Decided]) -> Head:
        """Commit a batch or nothing of it."""
        if (head.position, head.epoch) != (self.head.position, self.head.epoch):
            raise HeadMoved
        recorded = list(positioned(head.position, decided))
        self.refuse_taken(recorded, decided)
        for each in recorded:
            self.log.append(each)
            self.streams[each.originator_id].append(each)
        position = head.position
        for command in decided:
            position += len(command.events)
            self.commands[command.scope, command.key] = Remembered(
                command.command_id,
                command.request_hash,
                position,
                command.answer,
                command.answer_key,
            )
            self.rows |= {(row.table, row.key): row.values for row in command.rows}
        self.change_claims(merged(decided))
        if decided:
            self.batches.append(len(decided))
        at = recorded[-1].envelope.recorded_at if recorded else head.recorded_at
        self.head = Head(position, b"", at, head.epoch)
        return self.head

    def refuse_taken(self, recorded: Sequence[Recorded], decided: Sequence[Decided]) -> None:
        """Judge the unique keys: stream and version, scope and key, namespace and key."""
        names = [(each.originator_id, each.originator_version) for each in recorded]
        for stream, version in names:
            if version <= len(self.streams[stream]) or names.count((stream, version)) > 1:
                raise Collided("events_stream_version")
        if any((each.scope, each.key) in self.commands for each in decided):
            raise Collided("commands_scope_key")
        for name, change in merged(decided).items():
            if not change.existed and change.after is not None and name in self.claims:
                raise Collided("claims_namespace_key")

    def change_claims(self, changes: dict[tuple[str, str], ClaimChange]) -> None:
        """Insert, update and delete as the statement would: an update of nothing does nothing."""
        for name, change in changes.items():
            if change.after is None:
                self.claims.pop(name, None)
            elif not change.existed or name in self.claims:
                self.claims[name] = change.after

    def happened(self, *lines: Line, at: str = NOON) -> None:
        """Write facts down as another process would."""
        for stream, event in lines:
            version = len(self.streams[stream]) + 1
            one = decided_alone(f"{stream}:{version}", [(stream, version, event)], at)
            self.append(self.head, [one])

    def read(self, keys: Collection[str]) -> Fetched:
        """Read streams and claims in one snapshot."""
        entries: dict[str, Any] = {}
        for key in keys:
            if key.startswith(CLAIM):
                namespace, _, name = key.removeprefix(CLAIM).partition(":")
                entries[key] = self.claims.get((namespace, name), ABSENT)
            else:
                entries[key] = folded(unheard_of(key), self.streams.get(key, []))
        return Fetched(self.head.position, entries)

    def state(self, stream: str) -> Any:
        return self.read([stream]).entries[stream].state

    def names(self) -> list[str]:
        return [type(each.event).__name__ for each in self.log]


def decided_alone(name: str, events: Sequence[tuple[str, int, Event]], at: str) -> Decided:
    return Decided(
        command_id=name,
        scope="",
        key=name,
        request_hash=None,
        metadata=Metadata(actor=SYSTEM, correlation_id="req_other"),
        now=at,
        events=events,
        claims={},
        rows=[],
        answer=None,
        answer_key=None,
    )


def positioned(position: int, decided: Sequence[Decided]) -> Iterator[Recorded]:
    for command in decided:
        for stream, version, event in command.events:
            position += 1
            envelope: Envelope[Any] = Envelope(
                data=event,
                effective_at=command.now,
                id=f"event-{position}",
                metadata=command.metadata,
                recorded_at=command.now,
                schema_version=1,
                stream_id=stream,
                stream_version=version,
                type=event.stored_as,
            )
            yield Recorded(position, envelope)


def merged(decided: Sequence[Decided]) -> dict[tuple[str, str], ClaimChange]:
    changes: dict[tuple[str, str], ClaimChange] = {}
    for each in decided:
        for name, change in each.claims.items():
            first = changes.get(name, change)
            changes[name] = ClaimChange(first.existed, change.after)
    return changes


class FakeStore(Store):
    """One process's way to the database; `faults` meet its appends, in order; None is no fault."""

    def __init__(self, database: Database, pauses: Iterator[int] | None = None) -> None:
        self.database, self.pauses = database, pauses
        self.faults: deque[str | Exception | None] = deque()
        self.down = False
        self.before_append: deque[Callable[[], None]] = deque()
        self.before_answering: deque[Callable[[], None]] = deque()
        self.poisoned: set[str] = set()
        self.fetched: list[set[str]] = []

    async def pause(self) -> None:
        """Let others go on for a moment: the network."""
        for _ in range(next(self.pauses, 1) if self.pauses else 1):
            await asyncio.sleep(0)
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

    async def append(self, head: Head, decided: Sequence[Decided]) -> Head:
        await self.pause()
        if self.before_append:
            self.before_append.popleft()()
        if self.faults and isinstance(self.faults[0], Exception):
            raise self.faults.popleft()  # type: ignore[misc]  # just looked at
        self.fault(DOWN)
        self.fault(BEFORE)
        async with self.database.lock:
            after = self.database.append(head, decided)
        await self.pause()
        self.fault(AFTER)
        if self.faults and self.faults[0] is None:
            self.faults.popleft()
        return after

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["FakeTurn"]:
        await self.pause()
        async with self.database.lock:
            turn = FakeTurn(self, self.database.head)
            yield turn
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

    async def append(self, decided: Sequence[Decided]) -> Head:
        await self.store.pause()
        database = self.store.database
        recorded = list(positioned(self.head.position, decided))
        database.refuse_taken(recorded, decided)
        self.written = decided
        at = recorded[-1].envelope.recorded_at if recorded else self.head.recorded_at
        return Head(self.head.position + len(recorded), b"", at, self.head.epoch)


class FakeKey(msgspec.Struct, frozen=True):
    """Seals in a way that shows who could open it."""

    kid: str

    def seal(self, text: str) -> Sealed:
        return Sealed(enc=f"<{text}>", kid=self.kid)

    def seal_bytes(self, content: bytes, label: str) -> bytes:
        return f"{self.kid}/{label}/".encode() + content

    def open_bytes(self, content: bytes, label: str) -> bytes:
        prefix = f"{self.kid}/{label}/".encode()
        assert content.startswith(prefix), "opened with another key, or under another label"
        return content.removeprefix(prefix)


class FakeVault(Vault):
    """Keys named `key of <person>`; they are fetched once, unless lost."""

    def __init__(self) -> None:
        self.at_hand: set[str] = set()
        self.lost: set[str] = set()
        self.fetches = 0

    def of(self, subject: str) -> Key | None:
        kid = f"key of {subject}"
        return FakeKey(kid) if kid in self.at_hand - self.lost else None

    def by_id(self, kid: str) -> Key | None:
        if kid not in self.at_hand:
            raise NotLoaded(f"key:{kid}")
        return None if kid in self.lost else FakeKey(kid)

    def reveal(self, sealed: Sealed | None) -> str | None:
        if sealed is None:
            return None
        if self.by_id(sealed.kid) is None:
            return "[erased]"
        return sealed.enc.removeprefix("<").removesuffix(">")

    def create(self, subject: str, kid: str) -> PrivateRow:
        self.at_hand.add(f"key of {subject}")
        return PrivateRow("data_keys", kid, {"subject": subject})

    def digest(self, *parts: str | int) -> str:
        return "\x1f".join(map(str, parts))

    async def fetch(self, subjects: Collection[str] = (), kids: Collection[str] = ()) -> None:
        await asyncio.sleep(0)
        self.fetches += 1
        self.at_hand |= {f"key of {subject}" for subject in subjects} | set(kids)
