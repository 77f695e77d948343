"""Open streams: how many each caller has, counted over all processes of a deployment.

A stream says again and again that it is open; one whose process died lapses after its lease.
"""

from typing import Any

from psycopg import AsyncConnection

LEASE_SECONDS = 30
"""How long a stream counts after it last said that it is open."""


async def open_stream(
    connection: AsyncConnection[Any], stream_id: str, caller: str, kind: str, most: int
) -> bool:
    """Count one more stream of a caller, unless they have as many as they may."""
    async with connection.transaction():
        await connection.execute(TURN, (f"{caller}/{kind}",))
        values = {"id": stream_id, "caller": caller, "kind": kind, "most": most}
        cursor = await connection.execute(OPEN, values | {"seconds": LEASE_SECONDS})
    return cursor.rowcount == 1


async def keep_stream(connection: AsyncConnection[Any], stream_id: str) -> None:
    """Say that a stream is still open."""
    await connection.execute(KEEP, (LEASE_SECONDS, stream_id))


async def close_stream(connection: AsyncConnection[Any], stream_id: str) -> None:
    """Count a stream no more; what lapsed meanwhile goes with it."""
    await connection.execute(CLOSE, (stream_id,))


TURN = "SELECT pg_advisory_xact_lock(hashtextextended('log.open_streams/' || %s, 0))"
OPEN = """
INSERT INTO log.open_streams (id, caller, kind, lease_until)
SELECT %(id)s, %(caller)s, %(kind)s, clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE (
    SELECT count(*) FROM log.open_streams
    WHERE caller = %(caller)s AND kind = %(kind)s AND lease_until > clock_timestamp()
) < %(most)s
"""
KEEP = """
UPDATE log.open_streams SET lease_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s
"""
CLOSE = "DELETE FROM log.open_streams WHERE id = %s OR lease_until < clock_timestamp()"
