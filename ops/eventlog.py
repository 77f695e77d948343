"""The log as people read it: events with personal fields opened where their key still exists."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.events.event import Sealed
from schema.seals import (
    SELECT_BY_KID,
    KeyEncryptionKeys,
    WrappedKey,
    reveal,
    unwrap_all,
)

PAGE_ROWS = 500
POLL_SECONDS = 0.1


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: of one stream, of one type, from and to a position."""

    stream: str | None = None
    type: str | None = None
    first: int = 1
    last: int | None = None


class LoggedEvent(msgspec.Struct, frozen=True):
    """One event as shown (http.md §3): `data` opened, or as stored."""

    position: int
    id: str
    stream_id: str
    stream_version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    actor: dict[str, Any]
    correlation_id: str
    causation_id: str | None
    recorded_at: str
    leaf_hash: str


class EventLog:
    """Reads events over one connection."""

    def __init__(self, connection: Connection[Any], keks: KeyEncryptionKeys) -> None:
        self.connection, self.keks = connection, keks

    def select(self, wanted: Filter, limit: int) -> list[LoggedEvent]:
        """Return the first `limit` events that fit, oldest first."""
        values = (wanted.first, wanted.last, wanted.last, wanted.stream, wanted.stream,
                  wanted.type, wanted.type, limit)  # fmt: skip
        rows = self.connection.execute(SELECT, values).fetchall()
        return [self.shown(*row) for row in rows]

    def every(self, wanted: Filter, limit: int | None) -> Iterator[LoggedEvent]:
        """Yield events that fit, page by page."""
        left = limit
        while left is None or left > 0:
            page = self.select(wanted, PAGE_ROWS if left is None else min(left, PAGE_ROWS))
            yield from page
            if not page:
                return
            wanted = msgspec.structs.replace(wanted, first=page[-1].position + 1)
            left = None if left is None else left - len(page)

    def tail(self, wanted: Filter) -> Iterator[LoggedEvent]:
        """Yield events that fit as they are recorded, for ever."""
        while True:
            for event in self.every(wanted, None):
                yield event
                wanted = msgspec.structs.replace(wanted, first=event.position + 1)
            time.sleep(POLL_SECONDS)

    def shown(self, position: int, event_id: str, leaf: bytes, stored: bytes) -> LoggedEvent:
        """Return an event with its personal fields in clear."""
        envelope = msgspec.json.decode(stored)
        metadata = envelope["metadata"]
        return LoggedEvent(
            position=position,
            id=event_id,
            stream_id=envelope["stream_id"],
            stream_version=envelope["stream_version"],
            type=envelope["type"],
            schema_version=envelope["schema_version"],
            data=self.opened(envelope["data"]),
            actor=metadata["actor"],
            correlation_id=metadata["correlation_id"],
            causation_id=metadata.get("causation_id"),
            recorded_at=envelope["recorded_at"],
            leaf_hash=leaf.hex(),
        )

    def opened(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the payload with sealed fields in clear, or "[erased]"."""
        sealed = {
            name: Sealed(value["enc"], value["kid"])
            for name, value in data.items()
            if isinstance(value, dict) and value.keys() == {"enc", "kid"}
        }
        if not sealed:
            return data
        cursor = self.connection.cursor(row_factory=class_row(WrappedKey))
        kids = sorted({each.kid for each in sealed.values()})
        keys = unwrap_all(cursor.execute(SELECT_BY_KID, (kids,)).fetchall(), self.keks)
        return {**data, **{name: reveal(each, keys) for name, each in sealed.items()}}

    def raw(self, position: int) -> bytes | None:
        """Return an event exactly as stored, which is what its leaf hash covers."""
        row = self.connection.execute(RAW, (position,)).fetchone()
        return None if row is None else bytes(row[0])

    def head(self) -> int:
        """Return the newest position."""
        row = self.connection.execute(HEAD).fetchone()
        assert row is not None, "the log has a head"
        return int(row[0])


SELECT = """
SELECT position, event_id::text, content_hash, data FROM log.events
WHERE position >= %s AND (%s::bigint IS NULL OR position <= %s)
    AND (%s::text IS NULL OR stream_id = %s) AND (%s::text IS NULL OR name = %s)
ORDER BY position LIMIT %s
"""
RAW = "SELECT data FROM log.events WHERE position = %s"
HEAD = "SELECT position FROM log.head"
