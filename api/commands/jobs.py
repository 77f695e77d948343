"""Commands about background work: calling a job off, asking again for one that died."""

import asyncio
from typing import Any

import msgspec
from psycopg import AsyncConnection

from api.asking import Told, ask
from api.call import Call
from api.callers import STAFF
from api.endpoint import Endpoint
from api.envelope import now_text
from api.job_shapes import DeadLetter, RetriedWork
from api.reading import Reading
from api.relayed import until_relayed
from api.reply import Bare
from api.shapes import Job
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.errors import Reason
from ledger.identity import derived_id
from schema.jobs import Letter, dead_letter, locked_job, mark_cancelled

ATTEMPTS_EXPECTED = 4
"""`max_attempts` of a job that never failed, as the workers tell it."""
ACCEPTED = frozenset({200, 202})


class Counter(msgspec.Struct, frozen=True):
    """Where jobs are called off, one at a time.

    Each keeps a connection while the ledger, which needs some too, is asked.
    """

    turn: asyncio.Lock


async def cancel(call: Call) -> Bare:
    """Call a job off; nobody can begin it while that is decided."""
    await until_relayed(call)
    pool = call.use(Reading).pool
    async with call.use(Counter).turn, pool.connection() as connection, connection.transaction():
        return await cancelled(call, connection, call.path["id"])


async def cancelled(call: Call, connection: AsyncConnection[Any], job_id: str) -> Bare:
    """Ask the ledger about a job whose row is locked, and mark the row if it says yes."""
    found = await locked_job(connection, job_id)
    job = None if found is None else msgspec.json.decode(found, type=Job)
    command = CancelJob(job_id=job_id, facts=None if job is None else facts_of(job))

    def show(_: Loaded, __: Reveal) -> Job:
        assert job is not None, "what is not there is refused"
        return msgspec.structs.replace(job, state="cancelled", completed_at=now_text())

    answer = await ask(call, command, Told(show=show, versioned=False))
    if answer.status in ACCEPTED:
        await mark_cancelled(connection, job_id)
    return answer


async def retry(call: Call) -> Bare:
    """Ask again for the work of a dead job; the new job follows from the event that says so."""
    await until_relayed(call)
    async with call.use(Reading).pool.connection() as connection:
        found = await dead_letter(connection, call.path["id"])
    command, retried = retrying(call.path["id"], found)

    def show(_: Loaded, __: Reveal) -> RetriedWork:
        assert retried is not None, "what is not there is refused"
        return retried

    told = Told(show=show, status=202, versioned=False)
    return await ask(call, command, told)


def retrying(letter_id: str, found: Letter | None) -> tuple[RetryDeadLetter, RetriedWork | None]:
    """Return the command about a dead letter, and what becomes of it."""
    if found is None:
        nothing = RetryDeadLetter(
            dead_letter_id=letter_id, job_id=None, retried_job_id=None, facts=None
        )
        return nothing, None
    letter = msgspec.json.decode(found.shown, type=DeadLetter)
    job = (
        new_job(letter, found)
        if found.open_job is None
        else msgspec.json.decode(found.open_job, type=Job)
    )
    command = RetryDeadLetter(
        dead_letter_id=letter.id,
        job_id=letter.job_id,
        retried_job_id=job.id,
        facts=JobFacts(
            state="discarded",
            actor=letter.actor,
            subject_type=letter.subject_type,
            subject_id=letter.subject_id,
        ),
    )
    marked = msgspec.structs.replace(letter, status="RETRIED", retried_job_id=job.id)
    return command, RetriedWork(job=job, dead_letter=marked)


def new_job(letter: DeadLetter, found: Letter) -> Job:
    """Return the job that follows from a retry, as it begins."""
    at = now_text()
    return Job(
        id=derived_id("job", letter.actor, letter.id),
        queue=letter.queue,
        actor=letter.actor,
        state="available",
        priority=found.priority,
        attempt=0,
        max_attempts=ATTEMPTS_EXPECTED,
        subject_type=letter.subject_type,
        subject_id=letter.subject_id,
        correlation_id=found.correlation_id,
        inserted_at=at,
        scheduled_at=at,
        attempted_at=None,
        completed_at=None,
        errors=[],
    )


def facts_of(job: Job) -> JobFacts:
    """Return what the ledger is told of a job."""
    return JobFacts(
        state=job.state,
        actor=job.actor,
        subject_type=job.subject_type,
        subject_id=job.subject_id,
    )


ENDPOINTS = (
    Endpoint(
        method="DELETE",
        path="/api/jobs/{id}",
        handler=cancel,
        who=STAFF,
        summary="Cancel a job that nobody works on",
        tag="Jobs",
        keyed=True,
        data=Job,
        reasons=(Reason.JOB_NOT_FOUND, Reason.JOB_NOT_CANCELLABLE, Reason.PROJECTION_LAGGING),
    ),
    Endpoint(
        method="POST",
        path="/api/jobs/dead/{id}/retry",
        handler=retry,
        who=STAFF,
        summary="Ask again for the work of a dead job",
        tag="Jobs",
        keyed=True,
        status=202,
        data=RetriedWork,
        reasons=(Reason.JOB_NOT_FOUND, Reason.ALREADY_PROCESSED, Reason.PROJECTION_LAGGING),
    ),
)
