"""The past: rows as they were at a position, folded from the log by the projectors of today.

The same fold made the rows that were answered then, so the answers are the same; personal text is
opened with the keys that still exist.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from ledger.events.event import Event
from projections.known import Known, kids_of
from projections.log import Line, Logged, decode_lines
from projections.payments import PAYMENT, Payment
from projections.payments import PROJECTOR as PAYMENTS
from projections.projector import Fold, Projector, apply, relevant
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


async def fetch(connection: AsyncConnection, query: str, values: Sequence[Any]) -> list[Line]:
    """Read lines of the log, binary as the projectors do."""
    cursor = await connection.execute(query.encode(), values, binary=True)
    return await cursor.fetchall()


STREAM = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM log.events AS e
WHERE e.stream_id = %s AND e.position <= %s
ORDER BY e.version
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
