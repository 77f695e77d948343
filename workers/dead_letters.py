"""Dead letters: what is kept of every job that ended without success (jobs.md §5)."""

from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from ledger.identity import derived_id
from workers.jobs import Cause, Job, JobWanted, ask
from workers.retries import Failure


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `work.dead_letters`."""

    id: str
    job_id: str
    queue: str
    actor: str
    subject_type: str
    subject_id: str
    reason: str
    category: str
    attempts: int
    status: str
    retried_job_id: str | None
    died_at: datetime
    priority: int
    unique_key: str | None
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    arguments: dict[str, str]
    cause_position: int | None


def dead_letter_id(job_id: str) -> str:
    """Return the id of the dead letter that `job_id` leaves when it fails for good."""
    return derived_id("dead-letter", job_id)


def bury(connection: Connection[Any], job: Job, failure: Failure, at: datetime) -> None:
    """Write the dead letter of a job that is discarded in the same database transaction."""
    connection.execute(
        BURY,
        {
            "dead_letter_id": dead_letter_id(job.id),
            "job_id": job.id,
            "reason": failure.reason,
            "category": failure.category,
            "attempts": job.attempt,
            "died_at": at,
        },
    )


def exhume(connection: Connection[Any], identity: str, at: datetime) -> Job | None:
    """Ask for a new job on the subject of a dead letter; None for one that had its new job.

    Both rows are written in the caller's database transaction. While other work of the same kind
    on the same subject is open, that is the job.
    """
    letter = locked(connection, identity)
    if letter is None or letter.status == "RETRIED":
        return None
    wanted = JobWanted(
        actor=letter.actor,
        queue=letter.queue,
        subject_type=letter.subject_type,
        subject_id=letter.subject_id,
        cause=letter.id,
        priority=letter.priority,
        unique_key=letter.unique_key,
        arguments=letter.arguments,
    )
    job = ask(connection, wanted, story_of(letter), at)
    connection.execute(MARK_RETRIED, {"id": letter.id, "job": job.id, "at": at})
    return job


def story_of(letter: DeadLetter) -> Cause:
    """Return the story that the new job continues."""
    return Cause(
        correlation_id=letter.correlation_id,
        causation_id=letter.causation_id,
        traceparent=letter.traceparent,
        position=letter.cause_position,
    )


def locked(connection: Connection[Any], identity: str) -> DeadLetter | None:
    """Return one dead letter, nobody else's until the database transaction ends."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(LOCK, {"id": identity}).fetchone()
    if row is None:
        return None
    identities = {name: row[name] and str(row[name]) for name in ("id", "job_id", "retried_job_id")}
    arguments = msgspec.json.decode(row["arguments"])
    return msgspec.convert({**row, **identities, "arguments": arguments}, DeadLetter)


BURY = b"""
INSERT INTO work.dead_letters (
    id, job_id, queue, actor, subject_type, subject_id, reason, category, attempts, died_at,
    priority, unique_key, correlation_id, causation_id, traceparent, arguments, cause_position
)
SELECT
    %(dead_letter_id)s, id, queue, actor, subject_type, subject_id, %(reason)s, %(category)s,
    %(attempts)s, %(died_at)s, priority, unique_key, correlation_id, causation_id, traceparent,
    arguments, cause_position
FROM work.jobs
WHERE id = %(job_id)s
"""

LOCK = b"SELECT * FROM work.dead_letters WHERE id = %(id)s FOR UPDATE"

MARK_RETRIED = b"""
UPDATE work.dead_letters
SET status = 'RETRIED', retried_job_id = %(job)s, retried_at = %(at)s
WHERE id = %(id)s
"""
