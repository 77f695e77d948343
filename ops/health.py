"""Settings → the probes that health asks (config.md §3)."""

import asyncio
from pathlib import Path

import redis.asyncio as redis

from api import probes
from api.probes import Probes
from ops.doctoring.rounds import rounds_of
from ops.settings import Settings
from schema.migrate import pending
from schema.postgres import Pool
from workers.outbox import outbox

MILLISECONDS = 1_000


def probes_of(
    settings: Settings,
    dsn: str,
    pool: Pool,
    broker: redis.Redis | None,
) -> Probes:
    """Return what health asks."""

    async def ask_database() -> None:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")

    async def ask_broker() -> None:
        assert broker is not None, "this process was told of no broker"
        await broker.ping()

    async def measure_lag() -> tuple[bool, float]:
        async with pool.connection() as connection:
            row = await (await connection.execute(LAG)).fetchone()
        assert row is not None, "an aggregate has one row"
        return bool(row[0]), float(row[1])

    async def measure_outbox() -> tuple[int, float]:
        async with pool.connection() as connection:
            waiting = await outbox(connection)
        return waiting.rows, waiting.oldest_ms / MILLISECONDS

    async def ask_migrations() -> None:
        assert not await asyncio.to_thread(pending, dsn), "migrations are pending"

    return Probes(
        database=probes.timed(ask_database),
        broker=probes.reachable(ask_broker),
        projections=probes.projections(measure_lag),
        outbox=probes.outbox(measure_outbox),
        memory=probes.memory(),
        disk=probes.disk(settings.core.data_dir if settings.core.data_dir.exists() else Path()),
        migrated=probes.reachable(ask_migrations),
        doctor=rounds_of(settings, dsn).latest,
    )


LAG = """
SELECT coalesce(bool_or(c.status = 'failed'), false), coalesce(max(
    CASE WHEN c.position < head.position THEN
        extract(epoch FROM clock_timestamp() - (
            SELECT recorded_at::timestamptz FROM log.events WHERE position = c.position + 1
        ))
    END
), 0)
FROM read.checkpoints AS c, log.head
"""
