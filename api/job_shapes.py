"""Shapes of background work beyond the single job (http.md §3)."""

from typing import Literal

from api.shapes import Id, Job, Shape, Time


class DeadLetter(Shape, frozen=True):
    """What is kept of a job that ended without success."""

    id: Id
    job_id: Id
    queue: str
    actor: str
    subject_type: str
    subject_id: str
    reason: str
    category: str
    attempts: int
    status: Literal["OPEN", "RETRIED"]
    retried_job_id: Id | None
    died_at: Time


class RetriedWork(Shape, frozen=True):
    """The job that is to do what a dead one did not, and the dead letter it came from."""

    job: Job
    dead_letter: DeadLetter
