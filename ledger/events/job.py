"""What people can have done to a job: called it off, or asked for it again after it had died."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class JobCancelled(Event, frozen=True, kw_only=True):
    """Nobody is to work on it any more; `actor` is the kind of work it was."""

    stored_as: ClassVar[str] = "JobCancelled"
    actor: str
    subject_type: str
    subject_id: str


class DeadLetterRetried(Event, frozen=True, kw_only=True):
    """The work of a dead job is to be done after all, by another job that follows from this."""

    stored_as: ClassVar[str] = "DeadLetterRetried"
    dead_letter_id: str
    retried_job_id: str


JobEvent: TypeAlias = JobCancelled | DeadLetterRetried
