"""A database in memory: one head row, unique keys, and batches that count or do not."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from typing import Any

from ledger.append.memory import CLAIM, moved_on, unheard_of
from ledger.append.ports import (
    Collided,
    Decided,
    Fetched,
    Head,
    HeadMoved,
    Remembered,
)
from ledger.decisions.view import ABSENT, Claim, ClaimChange
from ledger.events.event import Event
from ledger.events.recorded import SYSTEM, Envelope, Metadata, Recorded
from tests.builders import NOON, Line


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
            for row in command.rows:
                self.rows.pop((row.table, row.key), None)
                if row.values is not None:
                    self.rows[row.table, row.key] = row.values
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
                entries[key] = reduce(moved_on, self.streams.get(key, []), unheard_of(key))
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
