"""The log as people read it: events with personal fields opened where their key still exists."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, LiteralString, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from psycopg import Connection
from psycopg.rows import class_row

from ops.settings import SettingsRefused
from projections.events import Found, LoggedEvent, kids_of, shown
from schema.seals import SELECT_BY_KID, DataKey, KeyEncryptionKeys, WrappedKey, unwrap_all

PAGE_ROWS = 500
POLL_SECONDS = 0.1
OTHER_KEYS = "DATA_KEY_ENCRYPTION_KEYS are not those of this database"
DataKeys: TypeAlias = Mapping[str, DataKey]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: each field that is given narrows them; positions and times are inclusive.

    `text` is anywhere in what is stored; `fields` are top fields of `data`, as JSON text.
    """

    stream: str | None = None
    type: str | None = None
    first: int = 1
    last: int | None = None
    actor: str | None = None
    correlation: str | None = None
    since: str | None = None
    until: str | None = None
    text: str | None = None
    fields: dict[str, str] = {}

    @property
    def conditions(self) -> tuple[list[LiteralString], list[Any]]:
        """Return what is asked of a row, and the values in it; each has an index, but the last."""
        given = [(CONDITIONS[name], getattr(self, name)) for name in CONDITIONS]
        asked = [(condition, value) for condition, value in given if value is not None]
        asked += [(FIELD, pair) for pair in self.fields.items()]
        values: list[Any] = []
        for _, value in asked:
            values += value if isinstance(value, tuple) else (value,)
        return [condition for condition, _ in asked], values


class EventLog:
    """Reads events over one connection."""

    def __init__(self, connection: Connection[Any], keks: KeyEncryptionKeys) -> None:
        self.connection, self.keks = connection, keks

    def select(self, wanted: Filter, limit: int) -> list[LoggedEvent]:
        """Return the first `limit` events that fit, oldest first."""
        conditions, values = wanted.conditions
        query: LiteralString = f"{SELECT} WHERE {' AND '.join(conditions)} {ORDERED}"
        rows = self.connection.execute(query, [*values, limit]).fetchall()
        envelopes = [msgspec.json.decode(stored) for _, _, _, stored in rows]
        keys = self.keys_of(envelopes)
        return [
            shown(Found(position, event_id, leaf.hex(), envelope), keys)
            for (position, event_id, leaf, _), envelope in zip(rows, envelopes, strict=True)
        ]

    def keys_of(self, envelopes: Iterable[dict[str, Any]]) -> DataKeys:
        """Return the data keys, as far as they exist, of the personal fields of events."""
        kids = kids_of(envelopes)
        with self.connection.cursor(row_factory=class_row(WrappedKey)) as cursor:
            wrapped = cursor.execute(SELECT_BY_KID, (list(kids),)).fetchall()
        try:
            return unwrap_all(wrapped, self.keks)
        except (KeyError, InvalidTag) as other:
            raise SettingsRefused([OTHER_KEYS]) from other

    def every(self, wanted: Filter, limit: int | None) -> Iterator[LoggedEvent]:
        """Yield events that fit, page by page."""
        left = limit
        while left is None or left > 0:
            asked = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
            page = self.select(wanted, asked)
            yield from page
            if len(page) < asked:
                return
            wanted = msgspec.structs.replace(wanted, first=page[-1].position + 1)
            left = None if left is None else left - len(page)

    def tail(self, wanted: Filter) -> Iterator[LoggedEvent]:
        """Yield events that fit as they are recorded, until the last one wanted, or for ever."""
        while True:
            ends = wanted.last is not None and self.head() >= wanted.last
            for event in self.every(wanted, None):
                yield event
                wanted = msgspec.structs.replace(wanted, first=event.position + 1)
            if ends:
                return
            time.sleep(POLL_SECONDS)

    def raw(self, position: int) -> bytes | None:
        """Return an event exactly as stored, which is what its leaf hash covers."""
        row = self.connection.execute(RAW, (position,)).fetchone()
        return None if row is None else bytes(row[0])

    def head(self) -> int:
        """Return the newest position."""
        row = self.connection.execute(HEAD).fetchone()
        assert row is not None, "the log has a head"
        return int(row[0])


CONDITIONS: dict[str, LiteralString] = {
    "first": "position >= %s",
    "last": "position <= %s",
    "stream": "stream_id = %s",
    "type": "name = %s",
    "actor": "actor_id = %s",
    "correlation": "correlation_id = %s",
    "since": "position > log.position_before(%s)",
    "until": "position <= log.position_at(%s)",
    "text": "position(convert_to(%s, 'UTF8') IN data) > 0",
}
FIELD: LiteralString = "convert_from(data, 'UTF8')::jsonb -> 'data' ->> %s = %s"
SELECT: LiteralString = "SELECT position, event_id::text, content_hash, data FROM log.events"
ORDERED: LiteralString = "ORDER BY position LIMIT %s"
RAW = "SELECT data FROM log.events WHERE position = %s"
HEAD = "SELECT position FROM log.head"
