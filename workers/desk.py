"""The desk: what staff may do about jobs, whoever asks them to."""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

from ledger.errors import Reason, Refused
from workers.attempts import Actor
from workers.database import Clock, Pool, transaction
from workers.dead_letters import DeadLetter, exhume, locked
from workers.jobs import WAITING, Job, one_job


class Desk(msgspec.Struct, frozen=True):
    """Cancels jobs and asks again for dead ones."""

    pool: Pool
    clock: Clock
    actors: Mapping[str, Actor]

    def cancel(self, job_id: str) -> Job:
        """Cancel a job nobody works on; what its actor has to undo is undone first.

        The job's row stays locked meanwhile, so that no worker picks it up. A crash in between
        leaves an open job whose next attempt finds nothing to do.
        """
        with transaction(self.pool) as connection:
            job = one_job(connection, LOCK, {"id": job_id})
            if job is None:
                raise Refused(Reason.JOB_NOT_FOUND, job_id=job_id)
            if job.state not in WAITING:
                raise Refused(Reason.JOB_NOT_CANCELLABLE, state=job.state)
            self.actors[job.actor].cancel(job)
            return self.cancelled(connection, job_id)

    def cancelled(self, connection: Connection[Any], job_id: str) -> Job:
        """Mark a job as cancelled."""
        at = self.clock(connection)
        job = one_job(connection, CANCEL, {"id": job_id, "at": at})
        assert job is not None, "the row is locked"
        return job

    def retry(self, dead_letter_id: str) -> tuple[DeadLetter, Job]:
        """Ask for a new job on the subject of a dead letter; only once."""
        with transaction(self.pool) as connection:
            letter = locked(connection, dead_letter_id)
            self.actors[letter.actor].revive(letter.subject_id)
            return exhume(connection, dead_letter_id, self.clock(connection))


LOCK = b"SELECT * FROM work.jobs WHERE id = %(id)s FOR UPDATE"

CANCEL = b"""
UPDATE work.jobs SET state = 'cancelled', completed_at = %(at)s WHERE id = %(id)s RETURNING *
"""
