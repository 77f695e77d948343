"""Dispatch: gives the ids of due jobs to the broker, again and again until they are picked up."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import structlog
from psycopg import Connection

from workers.broker import Transport
from workers.claims import reap
from workers.crashpoints import CrashPoint, harmless
from workers.database import Clock, Pool, transaction
from workers.jobs import Job

PATIENCE_SECONDS = 5
"""How long a published job may lie unclaimed before the broker is asked whether it still has it."""


class Dispatcher(msgspec.Struct, frozen=True, kw_only=True):
    """Keeps at most `window` published jobs per queue waiting, the most urgent first."""

    pool: Pool
    clock: Clock
    transport: Transport
    queues: Sequence[str]
    window: int = 100
    crashpoint: CrashPoint = harmless

    def dispatch(self) -> int:
        """Publish the jobs that are due; return how many. Raises `Unreachable`."""
        due = self.mark()
        if not due:
            return 0
        self.crashpoint("after_dispatch_marked")
        published = 0
        try:
            for job_id, queue, actor in due:
                self.transport.publish(queue, actor, job_id)
                published += 1
        finally:
            self.unmark([job_id for job_id, _, _ in due[published:]])
        return published

    def mark(self) -> list[tuple[str, str, str]]:
        """Mark due jobs as dispatched before they are, so that none is published in ignorance."""
        with transaction(self.pool) as connection:
            values = {
                "queues": list(self.queues),
                "window": self.window,
                "at": self.clock(connection),
            }
            rows = sorted(connection.execute(MARK, values).fetchall())
        return [(job_id, queue, actor) for _, _, job_id, queue, actor in rows]

    def unmark(self, job_ids: list[str]) -> None:
        """Say of marked jobs that they were not published after all."""
        if job_ids:
            with transaction(self.pool) as connection:
                connection.execute(UNMARK, (job_ids,))

    def sweep(self) -> None:
        """Take back the jobs of dead workers, and those the broker has lost."""
        with transaction(self.pool) as connection:
            taken_back = reap(connection, self.clock(connection))
        for job in taken_back:
            say_taken_back(job)
        for queue in self.queues:
            self.recover(queue)

    def recover(self, queue: str) -> None:
        """Compare unclaimed jobs with what waits in the broker; publish again what is missing.

        A job that a worker has fetched but not begun is published twice: the claim decides.
        """
        with transaction(self.pool) as connection:
            before = self.clock(connection) - timedelta(seconds=PATIENCE_SECONDS)
            unclaimed = unclaimed_of(connection, queue, before)
        if not unclaimed:
            return
        lost = unclaimed - self.transport.waiting(queue)
        if lost:
            structlog.get_logger().info("jobs.dispatched_again", queue=queue, jobs=len(lost))
        self.unmark(sorted(lost))


def unclaimed_of(connection: Connection[Any], queue: str, before: Any) -> set[str]:
    """Return the jobs of `queue` that were published before a time and never picked up."""
    rows = connection.execute(UNCLAIMED, {"queue": queue, "before": before}).fetchall()
    return {job_id for (job_id,) in rows}


def say_taken_back(job: Job) -> None:
    """Log the death of a worker as seen from its job."""
    structlog.get_logger().warning(
        "job.worker_died", job_id=job.id, actor=job.actor, deaths=job.deaths + 1
    )


MARK = b"""
WITH due AS MATERIALIZED (
    SELECT waiting.id
    FROM unnest(%(queues)s::text[]) AS queues (name)
    CROSS JOIN LATERAL (
        SELECT id FROM work.jobs
        WHERE queue = queues.name AND dispatched_at IS NULL AND scheduled_at <= %(at)s
          AND state IN ('available', 'scheduled', 'retryable')
        ORDER BY priority, scheduled_at
        LIMIT GREATEST(0, %(window)s - (
            SELECT count(*) FROM work.jobs AS published
            WHERE published.queue = queues.name AND published.dispatched_at IS NOT NULL
              AND published.state IN ('available', 'scheduled', 'retryable')
        ))
        FOR UPDATE SKIP LOCKED
    ) AS waiting
)
UPDATE work.jobs SET dispatched_at = %(at)s
FROM due
WHERE jobs.id = due.id
RETURNING jobs.priority, jobs.scheduled_at, jobs.id::text, jobs.queue, jobs.actor
"""

UNMARK = b"""
UPDATE work.jobs SET dispatched_at = NULL
WHERE id = ANY(%s::uuid[]) AND state IN ('available', 'scheduled', 'retryable')
"""

UNCLAIMED = b"""
SELECT id::text FROM work.jobs
WHERE queue = %(queue)s AND dispatched_at < %(before)s
  AND state IN ('available', 'scheduled', 'retryable')
"""
