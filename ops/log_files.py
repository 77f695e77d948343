"""The log in a file: events exactly as they are stored, out of one log and into another.

One JSON object to a line. Taken in, every event is checked against its leaf hash, and the chain is
made again; keys of personal text, credentials and read models do not travel with it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import msgspec
from psycopg import Connection, errors

from ledger.errors import Reason, Refused
from ledger.events.recorded import Metadata
from schema.append import chained, content_hash
from schema.postgres import connect

PAGE_EVENTS = 5_000
Told = Callable[[int, int], None]


class Unfit(Exception):
    """A file cannot be taken in; the message says which line is wrong, and how."""


class Line(msgspec.Struct, frozen=True):
    """One event: where it lies, which command wrote it, its leaf hash, and what is stored."""

    position: int
    command_id: str
    leaf_hash: str
    stored: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of the log repeat of an envelope."""

    id: str
    type: str
    schema_version: int
    stream_id: str
    stream_version: int
    recorded_at: str
    effective_at: str
    metadata: Metadata


read_line = msgspec.json.Decoder(Line).decode
read_facts = msgspec.json.Decoder(Facts).decode


def lines(
    connection: Connection[Any], first: int, last: int, stream: str | None = None
) -> Iterator[Line]:
    """Yield what is stored from one position to another, perhaps of one stream alone."""
    while first <= last:
        values = {"first": first, "last": last, "stream": stream, "limit": PAGE_EVENTS}
        query = LINES if stream is None else OF_STREAM
        rows = connection.execute(query, values).fetchall()
        for position, command_id, leaf, data in rows:
            yield Line(position, command_id, leaf.hex(), bytes(data).decode())
        if len(rows) < PAGE_EVENTS:
            return
        first = rows[-1][0] + 1


def write(target: BinaryIO, exported: Iterable[Line], total: int, told: Told) -> int:
    """Write lines to a file; return how many."""
    number = 0
    for number, line in enumerate(exported, start=1):
        target.write(msgspec.json.encode(line) + b"\n")
        if number % PAGE_EVENTS == 0:
            told(number, total)
    return number


def take_in(dsn: str, source: BinaryIO, told: Told) -> int:
    """Fill an empty log from a file, all of it or nothing; return its last position.

    The epoch is a new one, so that positions told by the other log are not mistaken for ours.
    Raises `Unfit`; refused when there is a log already.
    """
    with connect(dsn, statement_timeout_ms=0) as connection, whole(connection):
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        row = connection.execute(LOCK_HEAD).fetchone()
        assert row is not None, "the log has a head"
        position: int = row[0]
        chain, newest = row[1], row[2]
        if position:
            raise Refused(Reason.INVALID_POSITION, head=position, expected="an empty log")
        with connection.cursor().copy(COPY) as copy:
            for each in read(source):
                position += 1
                facts = checked(each, position, newest)
                content = bytes.fromhex(each.leaf_hash)
                chain, newest = chained(chain, content), facts.recorded_at
                copy.write_row(columns(each, facts, content, chain))
                if position % PAGE_EVENTS == 0:
                    told(position, 0)
        connection.execute(COMMANDS)
        connection.execute(MOVE_HEAD, (position, chain, newest))
    return position


@contextmanager
def whole(connection: Connection[Any]) -> Iterator[None]:
    """Take in everything or nothing; what cannot be together in one log is `Unfit`."""
    try:
        with connection.transaction():
            yield
    except errors.UniqueViolation as error:
        raise Unfit(f"two events cannot be in one log: {error.diag.message_detail}") from error


def read(source: BinaryIO) -> Iterator[Line]:
    """Yield the lines of a file; raises `Unfit`."""
    for number, content in enumerate(source, start=1):
        try:
            yield read_line(content)
        except msgspec.MsgspecError as error:
            raise Unfit(f"line {number} is no event: {error}") from error


def checked(line: Line, position: int, newest: str) -> Facts:
    """Return the facts of an event that belongs at `position`; raises `Unfit`."""
    if line.position != position:
        raise Unfit(f"position {position} is missing: the next one is {line.position}")
    stored = line.stored.encode()
    if content_hash(position, stored).hex() != line.leaf_hash:
        raise Unfit(f"position {position} is not what its leaf hash covers")
    try:
        facts = read_facts(stored)
    except msgspec.MsgspecError as error:
        raise Unfit(f"position {position} is no event: {error}") from error
    if facts.recorded_at < newest:
        raise Unfit(f"position {position} was recorded before the one before it")
    return facts


def columns(line: Line, facts: Facts, content: bytes, chain: bytes) -> tuple[Any, ...]:
    """Return a row of the log."""
    return (
        line.position, facts.stream_id, facts.stream_version, facts.id, line.command_id,
        facts.type, facts.schema_version, line.stored.encode(), facts.metadata.actor.id,
        facts.metadata.correlation_id, facts.recorded_at, facts.effective_at, content, chain,
    )  # fmt: skip


LINES = """
SELECT position, command_id::text, content_hash, data FROM log.events
WHERE position >= %(first)s AND position <= %(last)s ORDER BY position LIMIT %(limit)s
"""
OF_STREAM = """
SELECT position, command_id::text, content_hash, data FROM log.events
WHERE stream_id = %(stream)s AND position >= %(first)s AND position <= %(last)s
ORDER BY version LIMIT %(limit)s
"""
LOCK_HEAD = "SELECT position, chain_hash, recorded_at FROM log.head FOR UPDATE"
COPY = """
COPY log.events (position, stream_id, version, event_id, command_id, name, schema_version, data,
    actor_id, correlation_id, recorded_at, effective_at, content_hash, chain_hash) FROM STDIN
"""
COMMANDS = """
INSERT INTO log.commands (scope, key, command_id, first_position, last_position, recorded_at)
SELECT '', command_id::text, command_id, min(position), max(position), max(recorded_at)
FROM log.events GROUP BY command_id
"""
MOVE_HEAD = """
UPDATE log.head SET position = %s, chain_hash = %s, recorded_at = %s,
    epoch = encode(substr(sha256(gen_random_uuid()::text::bytea), 1, 8), 'hex')
"""
