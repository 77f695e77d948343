"""The outbox: what the log has asked for and no worker was told yet. For health and waiting."""

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row

from workers.jobs import Job, as_job


class Outbox(msgspec.Struct, frozen=True):
    """Relay lag plus undispatched rows, and the age of the oldest of both."""

    rows: int
    oldest_ms: int


async def outbox(connection: AsyncConnection[TupleRow]) -> Outbox:
    """Return how much waits to be handed to the broker now."""
    row = await (await connection.execute(OUTBOX)).fetchone()
    assert row is not None
    return Outbox(rows=row[0], oldest_ms=row[1])


async def relay_position(connection: AsyncConnection[TupleRow]) -> int:
    """Return the position up to which jobs exist: answers about jobs wait for it."""
    row = await (await connection.execute(RELAY_POSITION)).fetchone()
    assert row is not None
    return int(row[0])


async def job_of(connection: AsyncConnection[TupleRow], subject_id: str) -> Job | None:
    """Return the newest job about a subject, e.g. a payment."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(NEWEST_JOB, (subject_id,))).fetchone()
    return None if row is None else as_job(row)


OUTBOX = b"""
WITH undispatched AS (
    SELECT count(*) AS rows, min(scheduled_at) AS oldest
    FROM work.jobs
    WHERE dispatched_at IS NULL AND scheduled_at <= clock_timestamp()
      AND state IN ('available', 'scheduled', 'retryable')
), unread AS (
    SELECT head.position - relay.position AS rows, (
        SELECT recorded_at::timestamptz FROM log.events WHERE position = relay.position + 1
    ) AS oldest
    FROM work.relay CROSS JOIN log.head
)
SELECT
    undispatched.rows + unread.rows,
    COALESCE(
        extract(epoch FROM clock_timestamp() - LEAST(undispatched.oldest, unread.oldest)) * 1000, 0
    )::bigint
FROM undispatched CROSS JOIN unread
"""

RELAY_POSITION = b"SELECT position FROM work.relay"

NEWEST_JOB = b"""
SELECT * FROM work.jobs WHERE subject_id = %s ORDER BY inserted_at DESC, id DESC LIMIT 1
"""
