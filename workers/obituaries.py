"""Obituaries: the audit log is told of every job that ended without success, once.

A dead letter is written by the transaction that ends its job, and told of soon after, by whoever
holds the relay's lease; its id is the key that makes telling again safe. A job that killed its
workers had nobody left to say what its end means: that is said here too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from psycopg.rows import class_row

from ledger.commands.asked import Asked, Idempotency
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused
from ledger.events.audit import JobDeadLettered
from ledger.events.recorded import SYSTEM
from ledger.identity import is_id
from workers.claims import DEATHS_MAX
from workers.database import Pool, transaction

Handle: TypeAlias = Callable[[Command, Context, Asked], Any]
AT_ONCE = 100


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a dead letter."""

    id: str
    job_id: str
    queue: str
    actor: str
    subject_type: str
    subject_id: str
    reason: str
    attempts: int
    correlation_id: str
    causation_id: str | None
    arguments: bytes
    killed_workers: bool


Ending: TypeAlias = Callable[[Death], Command]
"""Returns the command that tells the ledger what the end of a job means."""


class Obituaries(msgspec.Struct, frozen=True):
    """Tells of dead letters; `handle` carries out a command, or raises `Refused`.

    `endings`, by actor, are for jobs that could not say themselves that they came to nothing.
    """

    pool: Pool
    handle: Handle
    endings: Mapping[str, Ending] = {}

    def tell(self) -> None:
        """Tell of those nobody was told of; what the ledger cannot take now is told later."""
        while untold := self.untold():
            for death in untold:
                if not (self.end(death) and self.notify(death)):
                    return
                self.mark(death)

    def end(self, death: Death) -> bool:
        """Tell the ledger what a death means, where nobody could; False when it has to wait."""
        ending = self.endings.get(death.actor)
        if ending is None or not death.killed_workers:
            return True
        try:
            self.handle(ending(death), story_of(death), once("ending", death))
        except Refused as refused:
            return not refused.reason.fact.retryable
        return True

    def notify(self, death: Death) -> bool:
        """Tell the audit log; False when it has to wait."""
        try:
            self.handle(notice(death), story_of(death), once("audit", death))
        except Refused as refused:
            return refused.reason is Reason.IDEMPOTENCY_KEY_REUSED
        return True

    def untold(self) -> Sequence[Death]:
        """Return the oldest dead letters that nobody was told of."""
        with transaction(self.pool) as connection:
            cursor = connection.cursor(row_factory=class_row(Death))
            return cursor.execute(UNTOLD, (DEATHS_MAX, AT_ONCE)).fetchall()

    def mark(self, death: Death) -> None:
        """Remember that this one was told of."""
        with transaction(self.pool) as connection:
            connection.execute(MARK, (death.id,))


def notice(death: Death) -> RecordSecurityEvent:
    """Return what is told."""
    subject = death.subject_id if is_id(death.subject_id) else None
    event = JobDeadLettered(
        outcome="failure",
        subject_type=death.subject_type,
        subject_id=subject,
        details={
            "dead_letter_id": death.id,
            "job_id": death.job_id,
            "queue": death.queue,
            "actor": death.actor,
            "reason": death.reason,
            "attempts": death.attempts,
        },
    )
    return RecordSecurityEvent(event=event)


def story_of(death: Death) -> Context:
    """Return the story the job belonged to."""
    return Context(
        actor=SYSTEM, correlation_id=death.correlation_id, causation_id=death.causation_id
    )


def once(scope: str, death: Death) -> Asked:
    """Ask under the dead letter's own id."""
    return Asked(idempotency=Idempotency(scope, death.id, b""))


UNTOLD = b"""
SELECT id::text, job_id::text, queue, actor, subject_type, subject_id, reason, attempts,
    correlation_id, causation_id, arguments, EXISTS (
        SELECT FROM work.jobs AS j WHERE j.id = job_id AND j.deaths >= %s
    ) AS killed_workers
FROM work.dead_letters WHERE told_at IS NULL ORDER BY died_at LIMIT %s
"""
MARK = b"UPDATE work.dead_letters SET told_at = clock_timestamp() WHERE id = %s"
