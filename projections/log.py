"""The log as projectors read it: pages that end where a command ends, decoded once for all."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from psycopg import Connection

from ledger.events.audit import SecurityEvent
from ledger.events.event import Event
from ledger.events.recorded import EVENT_TYPES, Metadata
from schema.upcasters import current_version, upcast

E_co = TypeVar("E_co", covariant=True)

Line: TypeAlias = tuple[int, str, int, str, int, str, bytes | None]
"""A row of the log: position, name, schema version, stream, version, time, envelope if wanted."""

END_OF_TIME = 2**63 - 1


class Trace(msgspec.Struct, frozen=True, gc=False):
    """Who asked and from where, for the events whose read model tells it."""

    id: str
    metadata: Metadata


class Logged(msgspec.Struct, Generic[E_co], frozen=True, gc=False):
    """An event as read models see it: what happened, where and when, and since when it counts."""

    position: int
    stream_id: str
    version: int
    recorded_at: str
    event: E_co
    effective_at: str = ""
    trace: Trace | None = None

    @property
    def subject(self) -> str:
        """Return the id of the aggregate: `account-<id>` happened to `<id>`."""
        return self.stream_id.partition("-")[2]


class Hole(Exception):
    """Positions are contiguous: one is missing after `position`, so the log is damaged."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the log has a hole after position {position}")
        self.position = position


class Undecodable(Exception):
    """The stored bytes at `position` are not an event this program knows."""

    def __init__(self, position: int, cause: Exception) -> None:
        super().__init__(f"the event at position {position} cannot be read: {cause}")
        self.position = position


class Payload(msgspec.Struct, Generic[E_co], frozen=True, gc=False):
    """The fields of an envelope that read models need."""

    data: E_co
    effective_at: str


def decoder_of(event_type: type[Event]) -> Callable[[bytes], Payload[Event]]:
    """Return the decoder that skips everything but the payload."""
    return msgspec.json.Decoder(Payload[event_type]).decode  # type: ignore[valid-type]  # at run time


DECODERS = {name: decoder_of(kind) for name, kind in EVENT_TYPES.items()}
decode_trace = msgspec.json.Decoder(Trace).decode
CURRENT = {name: current_version(name) for name in EVENT_TYPES}
decode_any = msgspec.json.Decoder(Payload[dict[str, Any]]).decode


def decode_event(name: str, schema_version: int, data: bytes) -> Event:
    """Read the event in stored bytes, lifting older schema versions."""
    return decode_payload(name, schema_version, data).data


def decode_payload(name: str, schema_version: int, data: bytes) -> Payload[Event]:
    """Read the event in stored bytes and since when it counts, lifting older schema versions."""
    if schema_version == CURRENT[name]:
        return DECODERS[name](data)
    old = decode_any(data)
    payload = upcast(name, schema_version, old.data)
    return Payload(msgspec.convert(payload, EVENT_TYPES[name]), old.effective_at)


def decode_lines(lines: list[Line]) -> Iterator[Logged[Event]]:
    """Decode the wanted lines of a page in order; raises `Undecodable`."""
    for position, name, schema_version, stream_id, version, recorded_at, data in lines:
        if data is None:
            continue
        try:
            payload = decode_payload(name, schema_version, data)
            traced = decode_trace(data) if isinstance(payload.data, SecurityEvent) else None
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            raise Undecodable(position, error) from error
        yield Logged(
            position,
            stream_id,
            version,
            recorded_at,
            payload.data,
            payload.effective_at,
            traced,
        )


def read_page(
    connection: Connection, names: Collection[str], after: int, limit: int, until: int = END_OF_TIME
) -> list[Line]:
    """Return about `limit` lines following position `after`, whole commands only.

    Lines of other `names` come without their envelope. Nothing beyond `until`, which must be the
    end of a command. Raises `Hole`.
    """
    wanted = list(names)
    lines = select_lines(connection, (wanted, after, until, limit))
    if len(lines) == limit:
        last = lines[-1][0]
        end = min(until, command_end(connection, last))
        lines += select_lines(connection, (wanted, last, end, END_OF_TIME))
    if lines and lines[-1][0] - after != len(lines):
        raise Hole(first_gap(lines, after))
    return lines


def select_lines(connection: Connection, bounds: tuple[list[str], int, int, int]) -> list[Line]:
    """Read lines by position, binary: the fastest way out of the database."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(PAGE, bounds).fetchall()


def command_end(connection: Connection, position: int) -> int:
    """Return the last position of the command that wrote `position`."""
    row = connection.execute(COMMAND_END, (position, position)).fetchone()
    return row[0] - 1 if row else END_OF_TIME


def first_gap(lines: list[Line], after: int) -> int:
    """Return the position after which one is missing."""
    expected = after
    for line in lines:
        if line[0] != expected + 1:
            break
        expected = line[0]
    return expected


def head_position(connection: Connection) -> int:
    """Return the position of the newest event."""
    row = connection.execute(HEAD).fetchone()
    assert row is not None, "the log has a head"
    position: int = row[0]
    return position


PAGE = """
SELECT position, name, schema_version, stream_id, version, recorded_at,
    CASE WHEN name = ANY(%b) THEN data END
FROM log.events
WHERE position > %b AND position <= %b
ORDER BY position
LIMIT %b
"""
COMMAND_END = """
SELECT position FROM log.events
WHERE position > %b AND command_id <> (SELECT command_id FROM log.events WHERE position = %b)
ORDER BY position
LIMIT 1
"""
HEAD = "SELECT position FROM log.head"
