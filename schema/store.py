"""The store behind the append: batches out, streams and claims in, over PostgreSQL."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from psycopg import AsyncConnection, InterfaceError, OperationalError, errors
from psycopg_pool import PoolTimeout, TooManyRequests

from ledger.append.memory import CLAIM, moved_on, unheard_of
from ledger.append.ports import (
    Collided,
    Fetched,
    Head,
    HeadMoved,
    OutcomeUnknown,
    Remembered,
    Staged,
    Unavailable,
)
from ledger.commands.asked import Loaded
from ledger.decisions.view import ABSENT, Claim
from ledger.events.recorded import Recorded
from schema.append import CHECK, HEAD, LOCK, Rows
from schema.arrays import register
from schema.codec import decode_envelope
from schema.postgres import Pool, connect_async
from schema.snapshots import freeze, snapshot_name, thaw

FOLLOW_ROWS = 2_000
BROKEN = (OperationalError, InterfaceError, PoolTimeout, TooManyRequests)
UNWRITTEN = (
    errors.DiskFull,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
)
"""What the server says when it has certainly written nothing, and may write again later."""


class LogStore:
    """One connection of its own for appending, a pool for everything else."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self.dsn, self.pool = dsn, pool
        self.connection: AsyncConnection[tuple[Any, ...]] | None = None

    async def close(self) -> None:
        """Close the appending connection."""
        if self.connection is not None:
            await self.connection.close()
            self.connection = None

    async def writer(self) -> AsyncConnection[tuple[Any, ...]]:
        """Return the appending connection, opened again if it broke. Raises `Unavailable`."""
        if self.connection is None or self.connection.closed or self.connection.broken:
            with unavailable_when_broken():
                self.connection = await connect_async(self.dsn, "ledgerbank_app")
                register(self.connection.adapters)
        return self.connection

    async def head(self) -> Head:
        """Return the end of the log."""
        with unavailable_when_broken():
            async with self.pool.connection() as connection:
                return await read_head(connection, HEAD)

    def stage(self, head: Head) -> Rows:
        """Begin a batch on top of `head`."""
        return Rows(head)

    async def commit(self, staged: Staged) -> None:
        """Commit a batch if the head it was staged on is still the end of the log."""
        connection = await self.writer()
        with appending():
            await write(connection, staged)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["LockedHead"]:
        """Lock the head row for one batch."""
        connection = await self.writer()
        turn: LockedHead | None = None
        with appending(lambda: turn is not None and turn.written):
            async with connection.transaction():
                turn = LockedHead(connection, await read_head(connection, LOCK))
                yield turn

    async def follow(self, since: int) -> Sequence[Recorded]:
        """Return the events after position `since`, oldest first."""
        with unavailable_when_broken():
            async with self.pool.connection() as connection:
                return await events_after(connection, since)

    async def fetch(self, keys: Collection[str]) -> Fetched:
        """Read streams (snapshot and tail) and claims by their memory keys, in one snapshot."""
        with unavailable_when_broken():
            async with self.pool.connection() as connection:
                return await read_entries(connection, keys)

    async def find(self, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Remembered]:
        """Return earlier commands by (scope, key)."""
        scopes, keys = [scope for scope, _ in names], [key for _, key in names]
        with unavailable_when_broken():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(FIND, (scopes, keys), binary=True)
                rows = await cursor.fetchall()
        return {(scope, key): Remembered(*rest) for scope, key, *rest in rows}

    async def save_snapshot(self, stream_id: str, loaded: Loaded) -> None:
        """Keep a state so that its stream loads without its history."""
        row = {
            "stream": stream_id,
            "version": loaded.version,
            "name": snapshot_name(stream_id),
            "state": freeze(loaded),
        }
        with unavailable_when_broken():
            async with self.pool.connection() as connection:
                await connection.execute(SAVE_SNAPSHOT, row)


class LockedHead:
    """The head row under lock: see `ledger.append.ports.Turn`."""

    def __init__(self, connection: AsyncConnection[tuple[Any, ...]], head: Head) -> None:
        self.connection, self.head = connection, head
        self.written = False

    async def follow(self, since: int) -> Sequence[Recorded]:
        """Return the events after position `since`, oldest first."""
        return await events_after(self.connection, since)

    async def fetch(self, keys: Collection[str]) -> Fetched:
        """Read streams and claims as they are under the lock."""
        return await read_entries(self.connection, keys)

    async def append(self, staged: Staged) -> None:
        """Write the batch; it counts when the context ends without an exception."""
        self.written = True
        await write(self.connection, staged)


@contextmanager
def unavailable_when_broken() -> Iterator[None]:
    """Say `Unavailable` when the database is out of reach."""
    try:
        yield
    except BROKEN as failure:
        raise Unavailable from failure


@contextmanager
def appending(written: Any = lambda: True) -> Iterator[None]:
    """Name what went wrong with an append by what must be done about it."""
    try:
        yield
    except errors.UniqueViolation as failure:
        raise Collided(failure.diag.constraint_name) from failure
    except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected) as failure:
        raise HeadMoved from failure
    except UNWRITTEN as failure:
        raise Unavailable from failure
    except (OperationalError, InterfaceError) as failure:
        raise (OutcomeUnknown if written() else Unavailable) from failure


async def write(connection: AsyncConnection[tuple[Any, ...]], staged: Staged) -> None:
    """Write a batch on top of its head, in the connection's transaction or one of its own."""
    assert isinstance(staged, Rows), "a batch is staged by the store that commits it"
    cursor = connection.cursor(binary=True)
    if staged.empty:
        await cursor.execute(CHECK, (staged.before.position, staged.before.epoch), prepare=True)
    else:
        await cursor.execute(staged.statement, staged.parameters(), prepare=True)
    if await cursor.fetchone() is None:
        raise HeadMoved


async def read_head(connection: AsyncConnection[tuple[Any, ...]], statement: str) -> Head:
    """Read the head row."""
    cursor = await connection.execute(statement, binary=True)
    row = await cursor.fetchone()
    assert row is not None, "the head row exists since the first migration"
    return Head(*row)


async def events_after(
    connection: AsyncConnection[tuple[Any, ...]], since: int
) -> Sequence[Recorded]:
    """Read events in position order."""
    found: list[Recorded] = []
    while True:
        after = found[-1].position if found else since
        cursor = await connection.execute(AFTER, (after, FOLLOW_ROWS), binary=True)
        page = await cursor.fetchall()
        found += [recorded(*row) for row in page]
        if len(page) < FOLLOW_ROWS:
            return found


def recorded(position: int, name: str, schema_version: int, data: bytes) -> Recorded:
    """Return one row of the log as an event with its place."""
    return Recorded(position, decode_envelope(name, schema_version, data))


async def read_entries(
    connection: AsyncConnection[tuple[Any, ...]], keys: Collection[str]
) -> Fetched:
    """Read streams and claims, and the head they were read at."""
    claims = [key.removeprefix(CLAIM).split(":", 1) for key in keys if key.startswith(CLAIM)]
    streams = [key for key in keys if not key.startswith(CLAIM)]
    position = (await read_head(connection, HEAD)).position
    entries: dict[str, Any] = {}
    if claims:
        entries |= await read_claims(connection, claims)
    if streams:
        entries |= await read_streams(connection, streams)
    return Fetched(position, entries)


async def read_claims(
    connection: AsyncConnection[tuple[Any, ...]], names: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Read claims by namespace and key; those that nobody holds are absent."""
    parameters = ([namespace for namespace, _ in names], [key for _, key in names])
    cursor = await connection.execute(CLAIMS, parameters)
    held = {
        f"{CLAIM}{namespace}:{key}": Claim(holder, expires_at)
        for namespace, key, holder, expires_at in await cursor.fetchall()
    }
    return {f"{CLAIM}{namespace}:{key}": ABSENT for namespace, key in names} | held


async def read_streams(
    connection: AsyncConnection[tuple[Any, ...]], stream_ids: Sequence[str]
) -> dict[str, Loaded]:
    """Read streams: of each the newest snapshot of today's shape, and everything after it."""
    found = {stream_id: unheard_of(stream_id) for stream_id in stream_ids}
    names = [snapshot_name(stream_id) for stream_id in stream_ids]
    cursor = await connection.execute(SNAPSHOTS, (list(stream_ids), names), binary=True)
    for stream_id, version, state in await cursor.fetchall():
        found[stream_id] = thaw(stream_id, version, state)
    versions = [start.version for start in found.values()]
    cursor = await connection.execute(TAILS, (list(found), versions), binary=True)
    for row in await cursor.fetchall():
        event = recorded(*row)
        found[event.originator_id] = moved_on(found[event.originator_id], event)
    return found


FIND = (
    "SELECT scope, key, command_id::text, request_hash, last_position, answer, answer_key"
    " FROM log.commands JOIN unnest(%b::text[], %b::text[]) AS u (s, k) ON scope = s AND key = k"
)
CLAIMS = (
    "SELECT namespace, key, holder, expires_at FROM log.claims"
    " JOIN unnest(%b::text[], %b::text[]) AS u (n, k) ON namespace = n AND key = k"
)
AFTER = (
    "SELECT position, name, schema_version, data FROM log.events"
    " WHERE position > %b ORDER BY position LIMIT %b"
)
SNAPSHOTS = (
    "SELECT s, version, state FROM unnest(%b::text[], %b::text[]) AS u (s, n) CROSS JOIN LATERAL ("
    " SELECT version, state FROM log.snapshots WHERE stream_id = s AND name = n"
    " ORDER BY version DESC LIMIT 1) AS newest"
)
TAILS = (
    "SELECT position, name, schema_version, data FROM unnest(%b::text[], %b::bigint[]) AS u (s, v)"
    " CROSS JOIN LATERAL (SELECT * FROM log.events WHERE stream_id = s AND version > v"
    " ORDER BY version) AS tail"
)
SAVE_SNAPSHOT = (
    "WITH older AS ("
    " DELETE FROM log.snapshots WHERE stream_id = %(stream)s AND version < %(version)s)"
    " INSERT INTO log.snapshots (stream_id, version, name, state)"
    " VALUES (%(stream)s, %(version)s, %(name)s, %(state)s)"
    " ON CONFLICT (stream_id, version) DO UPDATE SET name = excluded.name, state = excluded.state"
)
