"""Events: the log itself as inspectors read it, personal fields opened where they still can be.

The log is the truth, so what is read here is never behind.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg.rows import class_row

from ledger.errors import Reason, Refused
from ledger.events.event import Sealed
from ledger.events.recorded import EVENT_TYPES
from projections.filters import Filter, enum, identity, moment, text
from projections.page import Listing, Offset, Sort, Wanted
from projections.selects import (
    Page,
    clauses_of,
    fetch,
    offset_page,
    page_query,
    paged,
    read_page,
)
from schema.postgres import Pool
from schema.seals import SELECT_BY_KID, DataKey, KeyEncryptionKeys, WrappedKey, reveal, unwrap_all

NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
STREAM_TYPE = re.compile(r"[a-z_]{1,40}", re.ASCII)
OF_STREAMS = "stream_id >= %(stream_type)s || '-' AND stream_id < %(stream_type)s || '.'"
OF_REQUEST = "correlation_id = %(correlation_id)s"
COUNTED_BY_PLACE = frozenset({"position_from", "position_to"})
"""Filters under which the number of events follows from their places, which have no holes."""


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


class Found(msgspec.Struct, frozen=True):
    """One event as the database hands it over: its envelope as decoded JSON."""

    position: int
    id: str
    leaf_hash: str
    envelope: dict[str, Any]


class StoredEvent(msgspec.Struct, frozen=True):
    """One event and the exact bytes of its envelope, which its leaf hash covers."""

    found: Found
    content: bytes


def shown(found: Found, keys: Mapping[str, DataKey] | None) -> LoggedEvent:
    """Return an event with its personal fields in clear or "[erased]"; as stored without keys."""
    envelope = found.envelope
    metadata, data = envelope["metadata"], envelope["data"]
    if keys is not None:
        data = {**data, **{name: reveal(text, keys) for name, text in sealed(data).items()}}
    actor = metadata["actor"]
    return LoggedEvent(
        position=found.position,
        id=found.id,
        stream_id=envelope["stream_id"],
        stream_version=envelope["stream_version"],
        type=envelope["type"],
        schema_version=envelope["schema_version"],
        data=data,
        actor={"type": actor["type"], "id": actor.get("id"), "role": actor.get("role")},
        correlation_id=metadata["correlation_id"],
        causation_id=metadata.get("causation_id"),
        recorded_at=envelope["recorded_at"],
        leaf_hash=found.leaf_hash,
    )


def sealed(data: Mapping[str, Any]) -> dict[str, Sealed]:
    """Return the personal fields of a payload."""
    return {
        name: Sealed(value["enc"], value["kid"])
        for name, value in data.items()
        if isinstance(value, dict) and value.keys() == {"enc", "kid"}
    }


def kids_of(envelopes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the data keys that the personal fields of events were sealed under."""
    return {text.kid for each in envelopes for text in sealed(each["data"]).values()}


async def page(pool: Pool, keks: KeyEncryptionKeys, wanted: Wanted) -> Page:
    """Return events of the whole log."""
    listing = OF_ONE_STREAM if "stream_id" in wanted.filters else LISTING
    async with pool.connection() as connection:
        if isinstance(wanted.paging, Offset) and wanted.filters.keys() <= COUNTED_BY_PLACE:
            found = await placed_page(connection, wanted, wanted.paging)
        else:
            found = await read_page(connection, listing, wanted, None, {})
        return await opened(connection, keks, found)


async def stream_page(pool: Pool, keks: KeyEncryptionKeys, wanted: Wanted) -> Page:
    """Return the events of one stream; refused when nothing ever happened in it."""
    stream_id = wanted.filters["stream_id"]
    async with pool.connection() as connection:
        if not await fetch(connection, EXISTS, {"stream_id": stream_id}):
            raise Refused(Reason.STREAM_NOT_FOUND, stream_id=stream_id)
        found = await read_page(connection, STREAM, wanted, None, {})
        return await opened(connection, keks, found)


async def placed_page(connection: AsyncConnection, wanted: Wanted, paging: Offset) -> Page:
    """Return a numbered page of a range of the log, without counting one by one."""
    [(head,)] = await fetch(connection, HEAD, {})
    first = max(1, wanted.filters.get("position_from", 1))
    last = min(head, wanted.filters.get("position_to", head))
    total = max(0, last - first + 1)
    skipped = (paging.page - 1) * paging.size
    start, end = (first, last - skipped) if wanted.order[0].descending else (first + skipped, last)
    within = {"position_from": start, "position_to": end}
    wanted = replace(wanted, filters=within)
    query = page_query(LISTING, wanted, clauses_of(LISTING, wanted, None, None))
    rows = await fetch(connection, query, within | paged(paging.size, 0)) if total else []
    return offset_page(rows, paging.page, paging.size, total)


async def opened(connection: AsyncConnection, keks: KeyEncryptionKeys, found: Page) -> Page:
    """Return a page whose events can be read."""
    events = msgspec.json.decode(found.data, type=list[Found])
    keys = await keys_of(connection, keks, events)
    return replace(found, data=msgspec.json.encode([shown(each, keys) for each in events]))


async def keys_of(
    connection: AsyncConnection, keks: KeyEncryptionKeys, events: Sequence[Found]
) -> dict[str, DataKey]:
    """Return the data keys of events, as far as they exist."""
    kids = list(kids_of(each.envelope for each in events))
    if not kids:
        return {}
    async with connection.cursor(row_factory=class_row(WrappedKey)) as cursor:
        await cursor.execute(SELECT_BY_KID, (kids,))
        return unwrap_all(await cursor.fetchall(), keks)


async def one(pool: Pool, keks: KeyEncryptionKeys, position: int) -> LoggedEvent | None:
    """Return the event at a position, with its personal fields opened."""
    async with pool.connection() as connection:
        stored = await stored_at(connection, position)
        if stored is None:
            return None
        return shown(stored.found, await keys_of(connection, keks, [stored.found]))


async def one_stored(pool: Pool, position: int) -> tuple[LoggedEvent, bytes] | None:
    """Return the event at a position as it is stored, and its exact bytes."""
    async with pool.connection() as connection:
        stored = await stored_at(connection, position)
        return None if stored is None else (shown(stored.found, None), stored.content)


async def stored_at(connection: AsyncConnection, position: int) -> StoredEvent | None:
    """Return the event at a position, None beyond the head."""
    row = await (await connection.execute(ONE, (position,))).fetchone()
    if row is None:
        return None
    event_id, leaf, content = row
    envelope = msgspec.json.decode(content)
    return StoredEvent(Found(position, event_id, leaf, envelope), bytes(content))


def whole(name: str, condition: str) -> Filter:
    """Accept a place in the log or in a stream."""

    def read(value: str) -> int:
        if not NUMBER.fullmatch(value.strip()):
            raise Refused(Reason.INVALID_POSITION, field=name)
        return int(value)

    return Filter(name, read, (condition,))


def pattern(name: str, form: re.Pattern[str], expected: str, condition: str) -> Filter:
    """Accept text of a form."""

    def read(value: str) -> str:
        if not form.fullmatch(value.strip()):
            raise Refused(Reason.INVALID_FIELD_VALUE, field=name, expected=expected)
        return value.strip()

    return Filter(name, read, (condition,))


TABLE = """(
    SELECT event_id AS id, position, stream_id, version, name, correlation_id, actor_id,
        content_hash, data
    FROM log.events
) AS logged"""
SHAPE = """
position, id, encode(content_hash, 'hex') AS leaf_hash, convert_from(data, 'UTF8')::json AS envelope
"""
LISTING = Listing(
    name="events",
    table=TABLE,
    shape=SHAPE,
    filters=(
        text("stream_id", "stream_id = %(stream_id)s"),
        pattern("stream_type", STREAM_TYPE, "the word a stream's name begins with", OF_STREAMS),
        enum(
            "type", *EVENT_TYPES,
            reason=Reason.INVALID_FIELD_VALUE, condition="name = %(type)s",
        ),
        identity("actor_id"),
        pattern("correlation_id", CORRELATION, "1 to 128 of A-Z a-z 0-9 . _ : -", OF_REQUEST),
        whole("position_from", "position >= %(position_from)s"),
        whole("position_to", "position <= %(position_to)s"),
        Filter(
            "date_from", moment("date_from"), ("position > log.position_before(%(date_from)s)",)
        ),
        Filter("date_to", moment("date_to"), ("position <= log.position_at(%(date_to)s)",)),
    ),
    sorts={"position": Sort("position", "bigint")},
    usual="position:asc",
)  # fmt: skip
OF_ONE_STREAM = replace(LISTING, sorts={"position": Sort("version", "bigint")})
"""The same order, by the index of the stream."""
STREAM = Listing(
    name="stream",
    table=TABLE,
    shape=SHAPE,
    filters=(
        text("stream_id", "stream_id = %(stream_id)s"),
        whole("from_version", "version >= %(from_version)s"),
    ),
    sorts={"version": Sort("version", "bigint")},
    usual="version:asc",
)
ONE = """
SELECT event_id::text, encode(content_hash, 'hex'), data FROM log.events WHERE position = %s
"""
EXISTS = b"SELECT 1 FROM log.events WHERE stream_id = %(stream_id)s LIMIT 1"
HEAD = b"SELECT position FROM log.head"
