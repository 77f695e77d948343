"""Jobs: work that an event or a schedule asked for, kept in PostgreSQL until it is final."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row

from ledger.commands.command import Context
from ledger.events.recorded import SYSTEM
from ledger.identity import derived_id

ATTEMPTS_EXPECTED = 4
"""`max_attempts` of a job that never failed: what an outside system's failure would allow."""


class JobState(StrEnum):
    """Where a job stands (jobs.md §4); the last three are final."""

    AVAILABLE = "available"
    SCHEDULED = "scheduled"
    EXECUTING = "executing"
    RETRYABLE = "retryable"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


WAITING = frozenset({JobState.AVAILABLE, JobState.SCHEDULED, JobState.RETRYABLE})
"""States in which a job can be picked up or cancelled."""


class JobWanted(msgspec.Struct, frozen=True, kw_only=True):
    """A wish for work on one subject. `cause` names the reason: the same cause is the same job."""

    actor: str
    queue: str
    subject_type: str
    subject_id: str
    cause: str
    priority: int = 5
    unique_key: str | None = None
    unique_seconds: int = 0
    scheduled_at: datetime | None = None
    arguments: dict[str, str] = {}

    @property
    def job_id(self) -> str:
        """Return the id that everybody who knows the cause can name beforehand."""
        return job_id(self.actor, self.cause)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The story a job belongs to, and the event that asked for it."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    position: int | None = None


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong in one attempt."""

    attempt: int
    reason: str
    category: str
    at: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `work.jobs`."""

    id: str
    queue: str
    actor: str
    state: JobState
    priority: int
    attempt: int
    max_attempts: int
    failures: int
    deaths: int
    deferred_ms: int
    subject_type: str
    subject_id: str
    unique_key: str | None
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    arguments: dict[str, str]
    cause: str
    cause_position: int | None
    inserted_at: datetime
    scheduled_at: datetime
    attempted_at: datetime | None
    completed_at: datetime | None
    errors: tuple[JobError, ...]

    @property
    def context(self) -> Context:
        """Return the context of the commands this job gives: the system, in the job's story."""
        return Context(
            actor=SYSTEM,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            traceparent=self.traceparent,
        )


def job_id(actor: str, cause: str) -> str:
    """Return the id of the job that `actor` does because of `cause`."""
    return derived_id("job", actor, cause)


def as_job(row: dict[str, Any]) -> Job:
    """Read a whole row of `work.jobs`."""
    told = {name: msgspec.json.decode(row[name]) for name in ("arguments", "errors")}
    return msgspec.convert({**row, **told, "id": str(row["id"])}, Job)


def one_job(connection: Connection[Any], query: bytes, values: dict[str, Any]) -> Job | None:
    """Return the job that `query` selects, updates or inserts, if there is one."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, values).fetchone()
    return None if row is None else as_job(row)


def ask(connection: Connection[Any], wanted: JobWanted, cause: Cause, at: datetime) -> Job:
    """Insert the job that is wanted, or return the one that is already there for it."""
    if wanted.unique_key is not None:
        connection.execute(TURN_OF_ACTOR, (wanted.actor,))
        twin = one_job(connection, TWIN, {"key": wanted.unique_key, "at": at})
        if twin is not None:
            return twin
    inserted = one_job(connection, INSERT, values_of(wanted, cause, at))
    return inserted or same_job(connection, wanted, cause)


def same_job(connection: Connection[Any], wanted: JobWanted, cause: Cause) -> Job:
    """Return the job that the same cause asked for before, sure that it is the same wish."""
    job = job_by_id(connection, wanted.job_id)
    assert job is not None, "an insert that conflicts finds its row"
    assert job.actor == wanted.actor
    assert job.subject_id == wanted.subject_id
    assert job.cause == wanted.cause
    assert job.cause_position == cause.position
    return job


def job_by_id(connection: Connection[Any], identity: str) -> Job | None:
    """Return one job."""
    return one_job(connection, BY_ID, {"id": identity})


def values_of(wanted: JobWanted, cause: Cause, at: datetime) -> dict[str, Any]:
    """Return the row to insert."""
    due = wanted.scheduled_at or at
    return {
        **msgspec.structs.asdict(wanted),
        "id": wanted.job_id,
        "state": JobState.SCHEDULED if due > at else JobState.AVAILABLE,
        "max_attempts": ATTEMPTS_EXPECTED,
        "unique_until": at + timedelta(seconds=wanted.unique_seconds)
        if wanted.unique_seconds
        else None,
        "arguments": msgspec.json.encode(wanted.arguments).decode(),
        "correlation_id": cause.correlation_id,
        "causation_id": cause.causation_id,
        "traceparent": cause.traceparent,
        "cause_position": cause.position,
        "inserted_at": at,
        "scheduled_at": due,
    }


BY_ID = b"SELECT * FROM work.jobs WHERE id = %(id)s"

TURN_OF_ACTOR = "SELECT pg_advisory_xact_lock(hashtextextended('work.jobs/' || %s, 0))"

TWIN = b"""
SELECT * FROM work.jobs
WHERE unique_key = %(key)s
  AND (state IN ('available', 'scheduled', 'executing', 'retryable') OR unique_until > %(at)s)
ORDER BY inserted_at DESC
LIMIT 1
"""

INSERT = b"""
INSERT INTO work.jobs (
    id, queue, actor, state, priority, max_attempts, subject_type, subject_id, unique_key,
    unique_until, correlation_id, causation_id, traceparent, arguments, cause, cause_position,
    inserted_at, scheduled_at
) VALUES (
    %(id)s, %(queue)s, %(actor)s, %(state)s, %(priority)s, %(max_attempts)s, %(subject_type)s,
    %(subject_id)s, %(unique_key)s, %(unique_until)s, %(correlation_id)s, %(causation_id)s,
    %(traceparent)s, %(arguments)s, %(cause)s, %(cause_position)s, %(inserted_at)s,
    %(scheduled_at)s
)
ON CONFLICT (id) DO NOTHING
RETURNING *
"""
