"""Gauges of what is beside the log (config.md §5): open jobs, dead letters, what lags behind.

Read from the database when somebody fetches them, the same from every process.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout
from typing_extensions import override

from schema.postgres import Pool

SECONDS_MAX = 2.0
Row = tuple[Any, ...]


class WorkMeters(Collector):
    """Holds the figures of the last look; a database that is away leaves none."""

    def __init__(self, registry: CollectorRegistry, pool: Pool) -> None:
        self.pool = pool
        self.rows: dict[str, Sequence[Row]] = {}
        registry.register(self)

    async def look(self) -> None:
        """Read all figures; what takes too long is not told."""
        self.rows = {}
        try:
            self.rows = await asyncio.wait_for(self.read(), SECONDS_MAX)
        except (psycopg.Error, PoolTimeout, TimeoutError):
            return

    async def read(self) -> dict[str, Sequence[Row]]:
        """Return the rows of every series."""
        async with self.pool.connection() as connection:
            return {
                name: await (await connection.execute(query)).fetchall()
                for name, (_, _, query) in SERIES.items()
            }

    @override
    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, rows in self.rows.items():
            told, labels, _ = SERIES[name]
            family = GaugeMetricFamily(name, told, labels=labels)
            for *values, figure in rows:
                family.add_metric([str(each) for each in values], figure)
            yield family


SERIES: dict[str, tuple[str, Sequence[str], bytes]] = {
    "ledgerbank_sealed_tree_size": (
        "Events under the newest signed tree head",
        (),
        b"SELECT coalesce(max(tree_size), 0) FROM log.checkpoints",
    ),
    "ledgerbank_queue_jobs": (
        "Jobs that are not over",
        ("queue", "state"),
        b"""
        SELECT queue, state, count(*) FROM work.jobs
        WHERE state IN ('available', 'scheduled', 'executing', 'retryable') GROUP BY 1, 2
        """,
    ),
    "ledgerbank_dead_letters": (
        "Dead letters nobody has retried",
        ("queue",),
        b"SELECT queue, count(*) FROM work.dead_letters WHERE status = 'OPEN' GROUP BY 1",
    ),
    "ledgerbank_outbox_rows": (
        "Events without their jobs, and jobs no worker was told of",
        (),
        b"""
        SELECT head.position - relay.position + (
            SELECT count(*) FROM work.jobs
            WHERE dispatched_at IS NULL AND scheduled_at <= clock_timestamp()
              AND state IN ('available', 'scheduled', 'retryable')
        )
        FROM work.relay CROSS JOIN log.head
        """,
    ),
    "ledgerbank_projection_lag_events": (
        "Events a read model has not seen",
        ("projection",),
        b"""
        SELECT projection, head.position - checkpoints.position
        FROM read.checkpoints CROSS JOIN log.head
        """,
    ),
    "ledgerbank_projection_drift_rows": (
        "Rows that differed from the log when a read model was last compared with it",
        ("projection",),
        b"SELECT projection, drift_rows FROM read.checkpoints WHERE drift_rows IS NOT NULL",
    ),
}
"""What each series tells, its labels, and the rows of labels and figure."""
