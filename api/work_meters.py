"""Figures of what is beside the log (config.md §5): jobs, dead letters, what lags behind.

Read from the database when somebody fetches them, the same from every process.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
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
                for name, query in QUERIES.items()
            }

    @override
    def collect(self) -> Iterable[Metric]:
        for name, rows in self.rows.items():
            if name in SERIES:
                told, labels, _ = SERIES[name]
                yield gauge(name, told, labels, rows)
        if ENDED in self.rows:
            yield ended(self.rows[ENDED])
            yield lasted(self.rows[LASTED])


def gauge(name: str, told: str, labels: Sequence[str], rows: Sequence[Row]) -> Metric:
    """Return what is so now; the figure of each row is its last column."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for *values, figure in rows:
        family.add_metric([str(each) for each in values], figure)
    return family


def ended(rows: Sequence[Row]) -> Metric:
    """Return how often attempts of each actor ended how."""
    family = CounterMetricFamily(ENDED, "Attempts of jobs that ended", labels=("actor", "outcome"))
    for actor, outcome, count in rows:
        family.add_metric([actor, outcome], count)
    return family


def lasted(rows: Sequence[Row]) -> Metric:
    """Return how long attempts of each actor took; rows come in the order of their limits."""
    family = HistogramMetricFamily(LASTED, "Time that attempts of jobs took", labels=("actor",))
    for actor, found in groupby(rows, key=lambda row: row[0]):
        buckets, total, spent_ms = list[tuple[str, float]](), 0, 0
        for _, limit_ms, count, all_ms in found:
            total, spent_ms = total + count, all_ms
            limit = "+Inf" if limit_ms == ENDLESS_MS else str(limit_ms / 1000)
            buckets.append((limit, total))
        family.add_metric([actor], buckets, spent_ms / 1000)
    return family


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
"""What each gauge tells, its labels, and the rows of labels and figure."""
ENDED, LASTED = "ledgerbank_jobs", "ledgerbank_job_duration_seconds"
ENDLESS_MS = 2**62
"""The limit that workers write down where there is none."""
QUERIES: dict[str, bytes] = {
    **{name: query for name, (_, _, query) in SERIES.items()},
    ENDED: b"SELECT actor, outcome, ended FROM work.job_figures ORDER BY 1, 2",
    LASTED: b"""
    SELECT actor, limit_ms, d.ended, f.spent_ms
    FROM work.job_durations AS d
    JOIN (
        SELECT actor, sum(spent_ms)::bigint AS spent_ms FROM work.job_figures GROUP BY actor
    ) AS f USING (actor)
    ORDER BY 1, 2
    """,
}
