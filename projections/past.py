"""The past: rows as they were at a position, folded from the log by the projectors of today.

The same fold made the rows that were answered then, so the answers are the same; personal text is
opened with the keys that still exist.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from ledger.events.event import Event
from ledger.events.user import UserDeleted
from projections.connections import CONNECTION, READING, Connection
from projections.connections import PROJECTOR as CONNECTIONS
from projections.known import Known, kids_of
from projections.log import Line, Logged, decode_lines
from projections.payments import PAYMENT, Payment
from projections.payments import PROJECTOR as PAYMENTS
from projections.projector import Fold, Projector, apply, relevant
from projections.reconciliation import DISCREPANCY, Discrepancy
from projections.reconciliation import PROJECTOR as RECONCILIATION
from projections.rows import Rows
from projections.users import PROJECTOR as USERS
from projections.users import USER, User
from schema.seals import SELECT_BY_KID, KeyEncryptionKeys, WrappedKey, unwrap_all


def fold(projector: Projector, rows: Rows, batch: Iterable[Logged[Event]], known: Known) -> None:
    """Fold events of whole streams into rows that are complete for those streams."""
    apply(relevant(projector, batch), Fold(rows, known))


def empty(projector: Projector) -> Rows:
    """Return no rows, where whatever is not there does not exist."""
    return Rows(projector.tables, complete=True)


async def knowing(
    connection: AsyncConnection, keks: KeyEncryptionKeys, kids: Collection[str]
) -> Known:
    """Return what opens personal text sealed under `kids`, as far as anybody still can."""
    known = Known(keks)
    if kids:
        async with connection.cursor(row_factory=class_row(WrappedKey)) as cursor:
            await cursor.execute(SELECT_BY_KID, (list(kids),))
            known.keys |= unwrap_all(await cursor.fetchall(), keks)
    return known


async def payment_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, payment_id: str, position: int
) -> Payment | None:
    """Return a payment as it was, None before it was asked for."""
    lines = await fetch(connection, STREAM, (f"payment-{payment_id}", position))
    batch = list(decode_lines(lines))
    rows = empty(PAYMENTS)
    fold(PAYMENTS, rows, batch, await knowing(connection, keks, kids_of(batch)))
    return rows.of(PAYMENT).find(payment_id)


async def user_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, user_id: str, position: int
) -> User | None:
    """Return a user as they were, None before they joined."""
    values = (f"user-{user_id}", position, user_id, position)
    batch = list(decode_lines(await fetch(connection, USER_AND_SESSIONS, values)))
    rows, known = empty(USERS), await knowing(connection, keks, kids_of(batch))
    known.beginnings |= {each.stream_id: each.event for each in batch if each.version == 1}
    fold(USERS, rows, batch, known)
    return rows.of(USER).find(user_id)


async def connection_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, connection_id: str, position: int
) -> Connection | None:
    """Return a connection as it was, None before it was asked for.

    What was read through it is passed over: that only made newer versions, of which one is told.
    """
    stream = f"connection-{connection_id}"
    values = {"stream": stream, "position": position, "names": [*STANDING]}
    batch = list(decode_lines(await fetch(connection, STANDING_OF, values)))
    rows = empty(CONNECTIONS)
    fold(CONNECTIONS, rows, batch, await knowing(connection, keks, kids_of(batch)))
    return rows.of(CONNECTION).find(connection_id)


async def discrepancy_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, discrepancy_id: str, position: int
) -> Discrepancy | None:
    """Return a discrepancy as it was, None before it was found."""
    lines = await fetch(connection, STREAM, (f"reconciliation-{discrepancy_id}", position))
    rows = empty(RECONCILIATION)
    fold(RECONCILIATION, rows, decode_lines(lines), await knowing(connection, keks, ()))
    return rows.of(DISCREPANCY).find(discrepancy_id)


async def event_at(connection: AsyncConnection, position: int) -> Any:
    """Return the event at a position of the log."""
    [logged] = decode_lines(await fetch(connection, ONE, (position,)))
    return logged.event


async def fetch(
    connection: AsyncConnection, query: str, values: Sequence[Any] | Mapping[str, Any]
) -> list[Line]:
    """Read lines of the log, binary as the projectors do."""
    cursor = await connection.execute(query.encode(), values, binary=True)
    return await cursor.fetchall()


STREAM = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.events AS e
WHERE e.stream_id = %s AND e.position <= %s
ORDER BY e.version
"""
STANDING = tuple(
    event.stored_as for event in CONNECTIONS.on if event not in {*READING, UserDeleted}
)
STANDING_OF = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.events AS e
WHERE e.stream_id = %(stream)s AND e.position <= %(position)s AND (
    e.name = ANY(%(names)s) OR e.version = (
        SELECT max(version) FROM log.events
        WHERE stream_id = %(stream)s AND position <= %(position)s
    )
)
ORDER BY e.version
"""
ONE = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.events AS e
WHERE e.position = %s
"""
USER_AND_SESSIONS = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.events AS e
WHERE e.stream_id = %s AND e.position <= %s
UNION ALL
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.session_state AS s
JOIN log.events AS e ON e.stream_id = 'session-' || s.session_id AND e.version = 1
WHERE s.user_id = %s AND e.position <= %s
ORDER BY 1
"""
