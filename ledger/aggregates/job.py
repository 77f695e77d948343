"""Job: what people decided about a piece of background work; how it goes on is not theirs."""

from typing import TypeAlias

import msgspec

from ledger.commands.job import CancelJob, RetryDeadLetter
from ledger.errors import Reason, Refused
from ledger.events.job import DeadLetterRetried, JobCancelled, JobEvent

CANCELLABLE = ("available", "scheduled", "retryable")
"""States of a job that nobody works on and that is not over (jobs.md §4)."""


class Untouched(msgspec.Struct, frozen=True, tag="untouched"):
    """Nobody has interfered."""


class Cancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """Called off."""


class Retried(msgspec.Struct, frozen=True, tag="retried"):
    """Dead, and asked for again."""

    retried_job_id: str


Job: TypeAlias = Untouched | Cancelled | Retried
UNTOUCHED = Untouched()


def cancel(job: Job, command: CancelJob) -> list[JobEvent]:
    """Call a job off, or refuse: not there, under way, over."""
    facts = command.facts
    if facts is None:
        raise Refused(Reason.JOB_NOT_FOUND, field="id")
    if facts.state not in CANCELLABLE or isinstance(job, Retried):
        raise Refused(Reason.JOB_NOT_CANCELLABLE, state=facts.state)
    if isinstance(job, Cancelled):
        return []
    return [
        JobCancelled(
            actor=facts.actor, subject_type=facts.subject_type, subject_id=facts.subject_id
        )
    ]


def retry(job: Job, command: RetryDeadLetter) -> list[JobEvent]:
    """Ask for the work of a dead job again; a second time is refused."""
    if command.job_id is None or command.retried_job_id is None:
        raise Refused(Reason.JOB_NOT_FOUND, field="id")
    if not isinstance(job, Untouched):
        raise Refused(Reason.ALREADY_PROCESSED, status="RETRIED")
    return [
        DeadLetterRetried(
            dead_letter_id=command.dead_letter_id, retried_job_id=command.retried_job_id
        )
    ]


def evolve(job: Job, event: JobEvent, _at: str) -> Job:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match job, event:
        case Untouched(), JobCancelled():
            return Cancelled()
        case Untouched(), DeadLetterRetried(retried_job_id=retried_job_id):
            return Retried(retried_job_id)
        case _:
            raise AssertionError(f"{type(event).__name__} cannot follow {type(job).__name__}")
