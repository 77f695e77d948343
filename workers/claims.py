"""Claims: who works on a job now, and how a job is closed. Every close is checked by the lease."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from ledger.errors import Reason
from ledger.identity import new_id
from ledger.times import utc_text
from workers.dead_letters import bury
from workers.jobs import Job, JobError, as_job, one_job
from workers.presence import GONE, UNSEEN_SECONDS
from workers.retries import Defer, Failure, Retry

DEATHS_MAX = 3
"""A job under which so many workers died is a dead letter: it is likely to be what kills them."""


class LeaseLost(Exception):
    """Somebody else may hold the job now; what this worker did about it counts for nothing."""


class Claim(msgspec.Struct, frozen=True):
    """A job in the hands of one worker, as long as the lease with `token` lasts."""

    job: Job
    token: str


def claim(
    connection: Connection[Any],
    job_id: str,
    at: datetime,
    lease_seconds: int,
    holder: str | None = None,
) -> Claim | None:
    """Take a job that is due, its attempt counted; None when it is not to be had (any more).

    `holder` is the name in which this process shows that it lives; without one, the lease counts.
    """
    token = new_id()
    until = at + timedelta(seconds=lease_seconds)
    values = {"id": job_id, "token": token, "at": at, "until": until, "holder": holder}
    job = one_job(connection, CLAIM, values)
    return None if job is None else Claim(job, token)


def renew(connection: Connection[Any], claims: list[Claim], until: datetime) -> set[str]:
    """Prolong the leases of `claims`; return the ids of the jobs that are still ours."""
    rows = connection.execute(
        RENEW,
        {
            "ids": [claim.job.id for claim in claims],
            "tokens": [claim.token for claim in claims],
            "until": until,
        },
    ).fetchall()
    return {row[0] for row in rows}


def complete(connection: Connection[Any], held: Claim, at: datetime) -> None:
    """Close a job that succeeded."""
    close(connection, COMPLETE, held, {"at": at})


def try_again(
    connection: Connection[Any], held: Claim, failure: Failure, step: Retry | Defer, at: datetime
) -> None:
    """Close an attempt that failed: its job waits for the next one."""
    counts = isinstance(step, Retry)
    values = {
        "at": at,
        "reason": failure.reason,
        "due": at + timedelta(milliseconds=step.delay_ms),
        "max_attempts": step.max_attempts,
        "failures": 1 if counts else 0,
        "deferred_ms": 0 if counts else step.delay_ms,
        "error": error_of(held.job, failure, at),
    }
    close(connection, TRY_AGAIN, held, values)


def discard(
    connection: Connection[Any], held: Claim, failure: Failure, max_attempts: int, at: datetime
) -> None:
    """Close a job that failed for good, with its dead letter, in the caller's transaction."""
    error = error_of(held.job, failure, at)
    values = {"at": at, "reason": failure.reason, "max_attempts": max_attempts, "error": error}
    close(connection, DISCARD, held, values)
    bury(connection, held.job, failure, at)


def hand_back(connection: Connection[Any], held: Claim) -> None:
    """Put an unfinished job back: the next worker goes on with the same attempt."""
    close(connection, HAND_BACK, held, {})


def reap(connection: Connection[Any], at: datetime) -> list[Job]:
    """Take back the jobs whose workers died; those that killed too many become dead letters."""
    values = {"at": at, "unseen_since": at - timedelta(seconds=UNSEEN_SECONDS)}
    with connection.cursor(row_factory=dict_row) as cursor:
        dead = [as_job(row) for row in cursor.execute(LAPSED, values).fetchall()]
    for job in dead:
        reap_one(connection, job, at)
    return dead


def reap_one(connection: Connection[Any], job: Job, at: datetime) -> None:
    """Count the death of a worker against its job."""
    failure = Failure(Reason.INTERNAL_SERVER_ERROR)
    error = error_of(job, failure, at)
    values = {"id": job.id, "at": at, "reason": failure.reason, "error": error}
    if job.deaths + 1 < DEATHS_MAX:
        connection.execute(RESUME, values)
        return
    connection.execute(POISONED, values)
    bury(connection, job, failure, at)


def call_off(connection: Connection[Any], job_id: str, at: datetime) -> None:
    """End a job whose work is unwanted; whoever is at it finds its lease lost."""
    connection.execute(CALL_OFF, {"id": job_id, "at": at})


def close(
    connection: Connection[Any], statement: bytes, held: Claim, values: dict[str, Any]
) -> None:
    """Run a closing statement; raise `LeaseLost` when the lease is no longer ours."""
    row = {**values, "id": held.job.id, "token": held.token}
    if connection.execute(statement, row).rowcount != 1:
        raise LeaseLost(held.job.id)


def error_of(job: Job, failure: Failure, at: datetime) -> str:
    """Return the entry for `errors`, as JSON array to append."""
    error = JobError(
        attempt=job.attempt, reason=failure.reason, category=failure.category, at=utc_text(at)
    )
    return msgspec.json.encode([error]).decode()


CLAIM = b"""
WITH claimed AS (
    UPDATE work.jobs
    SET state = 'executing', attempt = failures + 1,
        attempted_at = %(at)s, lease_token = %(token)s, lease_until = %(until)s,
        holder = %(holder)s
    WHERE id = %(id)s AND state IN ('available', 'scheduled', 'retryable')
      AND scheduled_at <= %(at)s
    RETURNING *
), begun AS (
    INSERT INTO work.attempts (token, job_id, attempt, started_at)
    SELECT lease_token, id, attempt, attempted_at FROM claimed
)
SELECT * FROM claimed
"""

RENEW = b"""
UPDATE work.jobs SET lease_until = %(until)s
FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[]) AS held (id, token)
WHERE jobs.id = held.id AND jobs.lease_token = held.token AND jobs.state = 'executing'
RETURNING jobs.id::text
"""

COMPLETE = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'completed' WHERE token = %(token)s
)
UPDATE work.jobs
SET state = 'completed', completed_at = %(at)s, lease_token = NULL, lease_until = NULL
WHERE id = %(id)s AND lease_token = %(token)s
"""

TRY_AGAIN = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'retryable', reason = %(reason)s
    WHERE token = %(token)s
)
UPDATE work.jobs
SET state = 'retryable', scheduled_at = %(due)s, dispatched_at = NULL,
    lease_token = NULL, lease_until = NULL,
    failures = failures + %(failures)s, deferred_ms = deferred_ms + %(deferred_ms)s,
    max_attempts = %(max_attempts)s, errors = errors || %(error)s::jsonb
WHERE id = %(id)s AND lease_token = %(token)s
"""

DISCARD = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'discarded', reason = %(reason)s
    WHERE token = %(token)s
)
UPDATE work.jobs
SET state = 'discarded', completed_at = %(at)s, lease_token = NULL, lease_until = NULL,
    max_attempts = GREATEST(attempt, %(max_attempts)s), errors = errors || %(error)s::jsonb
WHERE id = %(id)s AND lease_token = %(token)s
"""

HAND_BACK = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = clock_timestamp(), outcome = 'handed_back'
    WHERE token = %(token)s
)
UPDATE work.jobs
SET state = 'available', dispatched_at = NULL, lease_token = NULL, lease_until = NULL
WHERE id = %(id)s AND lease_token = %(token)s
"""

LAPSED = (
    b"""
SELECT * FROM work.jobs
WHERE state = 'executing' AND (
    lease_until < %(at)s
    OR holder IN ("""
    + GONE
    + b""" AND seen_at < %(unseen_since)s)
)
ORDER BY lease_until
LIMIT 1000
FOR UPDATE SKIP LOCKED
"""
)

RESUME = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'worker_died', reason = %(reason)s
    WHERE job_id = %(id)s AND ended_at IS NULL
)
UPDATE work.jobs
SET state = 'available', dispatched_at = NULL, lease_token = NULL, lease_until = NULL,
    deaths = deaths + 1, errors = errors || %(error)s::jsonb
WHERE id = %(id)s
"""

POISONED = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'worker_died', reason = %(reason)s
    WHERE job_id = %(id)s AND ended_at IS NULL
)
UPDATE work.jobs
SET state = 'discarded', completed_at = %(at)s, lease_token = NULL, lease_until = NULL,
    deaths = deaths + 1, errors = errors || %(error)s::jsonb
WHERE id = %(id)s
"""

CALL_OFF = b"""
WITH ended AS (
    UPDATE work.attempts SET ended_at = %(at)s, outcome = 'cancelled'
    WHERE job_id = %(id)s AND ended_at IS NULL
)
UPDATE work.jobs
SET state = 'cancelled', completed_at = %(at)s, lease_token = NULL, lease_until = NULL
WHERE id = %(id)s AND state IN ('available', 'scheduled', 'executing', 'retryable')
"""
