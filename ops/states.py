"""States of streams as people read them: folded to any version, with personal text opened."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection

from ledger.append.memory import folded, unheard_of
from ledger.commands.asked import Loaded
from ledger.decisions.streams import STREAM_TYPES, type_of
from ledger.errors import Reason, Refused
from ledger.events.account import AccountCredited, AccountDebited
from ledger.events.recorded import Recorded
from ops.eventlog import EventLog
from projections.events import sealed
from schema.codec import decode_envelope
from schema.seals import DataKey, reveal
from schema.snapshots import snapshot_name, thaw

END = 2**63 - 1
PAGE_EVENTS = 5_000
Tree: TypeAlias = dict[str, Any]


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream is folded: to a version, a position, and entries of an effective time.

    Entries recorded up to `position` that counted by `at` count although they came later.
    """

    version: int = END
    position: int = END
    at: str | None = None


class StreamState(msgspec.Struct, frozen=True):
    """One stream as it was after `version` events."""

    stream_id: str
    version: int
    inserted_at: str
    updated_at: str
    state: Tree


class States:
    """Folds streams of a log."""

    def __init__(self, log: EventLog) -> None:
        self.connection: Connection[Any] = log.connection
        self.log = log

    def position_at(self, at: str) -> int:
        """Return the last position recorded at or before an instant."""
        row = self.connection.execute(POSITION_AT, (at,)).fetchone()
        assert row is not None, "a function has a result"
        return int(row[0])

    def reached(self, at: int | str) -> int:
        """Return where a moment lies. Refused: `invalid_position`."""
        if isinstance(at, str):
            return self.position_at(at)
        if not 1 <= at <= (head := self.log.head()):
            raise Refused(Reason.INVALID_POSITION, head=head)
        return at

    def state(self, stream_id: str, until: Until) -> StreamState:
        """Return a stream as it was; refused when nothing had happened to it by then."""
        if type_of(stream_id) not in STREAM_TYPES:
            raise Refused(Reason.STREAM_NOT_FOUND, stream_id=stream_id)
        late, bound = 0, until.position
        if until.at is not None and type_of(stream_id) == "account":
            bound = min(bound, self.position_at(until.at))
            late = self.late_entries(stream_id, bound, until)
        loaded = self.start(stream_id, until.version, bound)
        for recorded in self.events(stream_id, loaded.version, until.version, bound):
            if until.at is None or recorded.envelope.effective_at <= until.at:
                loaded = folded(loaded, [recorded])
        if not loaded.version or until.version not in {END, loaded.version}:
            raise Refused(Reason.STREAM_NOT_FOUND, stream_id=stream_id, version=loaded.version)
        tree = self.opened(msgspec.to_builtins(loaded.state))
        if late:
            tree |= {"balance": tree["balance"] + late}
        return StreamState(stream_id, loaded.version, loaded.inserted_at, loaded.updated_at, tree)

    def start(self, stream_id: str, version: int, position: int) -> Loaded:
        """Return the newest kept state that is not too new, or the beginning."""
        values = (stream_id, snapshot_name(stream_id), version, stream_id, position)
        row = self.connection.execute(SNAPSHOT, values).fetchone()
        return unheard_of(stream_id) if row is None else thaw(stream_id, row[0], bytes(row[1]))

    def events(self, stream_id: str, after: int, version: int, position: int) -> Iterator[Recorded]:
        """Yield the events of a stream after a version, up to another and to a position."""
        while True:
            values = (stream_id, after, version, position, PAGE_EVENTS)
            rows = self.connection.execute(EVENTS, values).fetchall()
            for place, name, schema_version, data in rows:
                yield Recorded(place, decode_envelope(name, schema_version, bytes(data)))
            if len(rows) < PAGE_EVENTS:
                return
            after += len(rows)

    def late_entries(self, stream_id: str, after: int, until: Until) -> int:
        """Sum (minor units) what counted by `until.at` and was recorded later."""
        total = 0
        for name, schema_version, data in self.connection.execute(
            BACKDATED, (stream_id, after, until.position, until.at)
        ):
            match decode_envelope(name, schema_version, bytes(data)).data:
                case AccountCredited(amount=amount):
                    total += amount
                case AccountDebited(amount=amount):
                    total -= amount
                case _:
                    pass
        return total

    def opened(self, state: Tree) -> Tree:
        """Return a state with its personal text in clear, or "[erased]"."""
        keys = self.log.keys_of([{"data": each} for each in trees(state)])
        return in_clear(state, keys)


def trees(tree: Tree) -> Iterator[Tree]:
    """Yield a tree and every tree in it."""
    yield tree
    for value in tree.values():
        if isinstance(value, dict):
            yield from trees(value)


def in_clear(tree: Tree, keys: Mapping[str, DataKey]) -> Tree:
    """Return a tree whose personal texts are read."""
    texts = sealed(tree)
    return {
        name: reveal(texts[name], keys)
        if name in texts
        else in_clear(value, keys)
        if isinstance(value, dict)
        else value
        for name, value in tree.items()
    }


def differences(before: Tree, after: Tree, path: str = "") -> Iterator[Tree]:
    """Yield the fields in which two states differ, by their path."""
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        place = f"{path}{name}"
        if isinstance(one, dict) and isinstance(other, dict):
            yield from differences(one, other, f"{place}.")
        elif one != other:
            yield {"field": place, "before": one, "after": other}


POSITION_AT = "SELECT log.position_at(%s)"
SNAPSHOT = """
SELECT version, state FROM log.snapshots AS s
WHERE stream_id = %s AND name = %s AND version <= %s AND EXISTS (
    SELECT FROM log.events WHERE stream_id = %s AND version = s.version AND position <= %s
)
ORDER BY version DESC LIMIT 1
"""
EVENTS = """
SELECT position, name, schema_version, data FROM log.events
WHERE stream_id = %s AND version > %s AND version <= %s AND position <= %s
ORDER BY version LIMIT %s
"""
BACKDATED = """
SELECT name, schema_version, data FROM log.events
WHERE stream_id = %s AND position > %s AND position <= %s
    AND effective_at <> recorded_at AND effective_at <= %s
"""
