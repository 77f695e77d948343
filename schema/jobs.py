"""Jobs as people see and steer them: one looked at while nobody can change it, one called off.

The rows are the workers'. Whoever cancels keeps a row locked from the look at it until the log says
what became of it, so that no worker begins in between.
"""

from typing import Any

import msgspec
from psycopg import AsyncConnection

TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS {}"""
TIMES = ("inserted_at", "scheduled_at", "attempted_at", "completed_at")
SHAPE = ", ".join((
    "id, queue, actor, state, priority, attempt, max_attempts, subject_type, subject_id",
    "correlation_id",
    *(TIME.format(each, each) for each in TIMES),
    "errors",
))  # fmt: skip
"""A Job (http.md §3) as columns of a row of `work.jobs`."""
LETTER_SHAPE = ", ".join((
    "id, job_id, queue, actor, subject_type, subject_id, reason, category, attempts, status",
    "retried_job_id",
    TIME.format("died_at", "died_at"),
))  # fmt: skip
"""A DeadLetter as columns of a row of `work.dead_letters`."""


class Letter(msgspec.Struct, frozen=True):
    """A dead letter in JSON, what a new job for its subject would be, and an open one there is."""

    shown: bytes
    priority: int
    correlation_id: str
    open_job: bytes | None


async def locked_job(connection: AsyncConnection[Any], job_id: str) -> bytes | None:
    """Return a Job in JSON, nobody else's until the database transaction ends."""
    row: Any = await (await connection.execute(LOCK_JOB, (job_id,))).fetchone()
    return None if row is None else bytes(row[0])


async def mark_cancelled(connection: AsyncConnection[Any], job_id: str) -> None:
    """Let no worker take a job up any more."""
    await connection.execute(CANCEL, (job_id,))


async def dead_letter(connection: AsyncConnection[Any], letter_id: str) -> Letter | None:
    """Return a dead letter; None when there is none."""
    row: Any = await (await connection.execute(LETTER, (letter_id,))).fetchone()
    return None if row is None else Letter(*row)


async def relayed(connection: AsyncConnection[Any]) -> bool:
    """Say whether every event that the log has now has become its jobs."""
    row: Any = await (await connection.execute(RELAYED)).fetchone()
    return bool(row[0])


LOCK_JOB = f"""
SELECT (SELECT to_json(shape) FROM (SELECT {SHAPE}) AS shape)
FROM work.jobs WHERE id = %s FOR UPDATE
""".encode()  # noqa: S608  # constants of this module

CANCEL = b"""
UPDATE work.jobs SET state = 'cancelled', completed_at = clock_timestamp()
WHERE id = %s AND state IN ('available', 'scheduled', 'retryable')
"""

LETTER = f"""
SELECT (SELECT to_json(shape) FROM (SELECT {LETTER_SHAPE}) AS shape), priority, correlation_id, (
    SELECT (SELECT to_json(shape) FROM (SELECT {SHAPE}) AS shape) FROM work.jobs
    WHERE unique_key = letter.unique_key
      AND state IN ('available', 'scheduled', 'executing', 'retryable')
)
FROM work.dead_letters AS letter WHERE id = %s
""".encode()  # noqa: S608  # constants of this module

RELAYED = b"SELECT relay.position >= head.position FROM work.relay CROSS JOIN log.head"
