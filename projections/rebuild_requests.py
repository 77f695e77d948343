"""Rebuild requests: whether a read model is being made again, and the job that follows."""

import msgspec
from psycopg import AsyncConnection

from projections.leftovers import LOCK
from schema.postgres import Pool

ACTOR, QUEUE, SUBJECT = "rebuild_projection", "default", "projection"


class Standing(msgspec.Struct, frozen=True):
    """Whether a copy is being made or waits for its job, and how often one was asked for."""

    under_way: bool
    requests: int


def unique_key(projection: str) -> str:
    """Return what only one open job for a read model bears."""
    return f"{ACTOR}/{projection}"


async def standing_of(pool: Pool, projection: str) -> Standing:
    """Return how a read model stands right now."""
    async with pool.connection() as connection:
        return await standing(connection, projection)


async def standing(connection: AsyncConnection, projection: str) -> Standing:
    """Return how a read model stands, over a connection."""
    values = {
        "key": unique_key(projection),
        "stream": f"projection-{projection}",
        "lock": LOCK,
        "projection": projection,
    }
    row = await (await connection.execute(STANDING, values)).fetchone()
    assert row is not None, "a question has an answer"
    return Standing(*row)


STANDING = b"""
SELECT EXISTS (
    SELECT FROM work.jobs WHERE unique_key = %(key)s
        AND state IN ('available', 'scheduled', 'executing', 'retryable')
) OR EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %(lock)s AND granted
        AND objid::bigint = (hashtext(%(projection)s)::bigint & 4294967295)
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
), (
    SELECT count(*) FROM log.events WHERE stream_id = %(stream)s
)
"""
