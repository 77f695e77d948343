"""Commands about jobs. What is known of a job stands beside the log; who asks brings it along."""

import msgspec

from ledger.commands.command import Command


class JobFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a job stands while nobody else can change it."""

    state: str
    actor: str
    subject_type: str
    subject_id: str


class CancelJob(Command, frozen=True, kw_only=True):
    """Call a job off that nobody works on; without `facts` there is no such job."""

    job_id: str
    facts: JobFacts | None


class RetryDeadLetter(Command, frozen=True, kw_only=True):
    """Ask once more for the work of a job that died; without `facts` there is no such letter.

    `job_id` is the dead job, `retried_job_id` the one that is to follow.
    """

    dead_letter_id: str
    job_id: str | None
    retried_job_id: str | None
    facts: JobFacts | None
