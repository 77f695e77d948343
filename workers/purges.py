"""Purges: what is kept for a while only goes when its time is over (jobs.md §6).

Events, keys and positions stay; nothing here is needed to know what happened.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection

from ledger.times import utc_text
from workers.attempts import Actor, Completed, Run, Verdict
from workers.database import Clock, Pool, transaction
from workers.schedule import QUEUE, Entry

EVERY_SECONDS = 3_600
TIME_LIMIT_SECONDS = 2 * 60
BATCH = 2_000
TOKENS_KEPT, LETTERS_KEPT = timedelta(days=7), timedelta(days=30)

Step: TypeAlias = Callable[[Connection[Any], datetime], int]
"""Purges some of what is over at a time; returns how much it was."""


class Kept(msgspec.Struct, frozen=True):
    """How long answers to idempotency keys and finished jobs are kept."""

    answers: timedelta
    jobs: timedelta


class Purges(msgspec.Struct, frozen=True):
    """Every purge as an actor of the schedule."""

    pool: Pool
    clock: Clock
    kept: Kept

    def actors(self) -> tuple[Actor, ...]:
        """Return the kinds of work."""
        steps: dict[str, tuple[Step, ...]] = {
            "purge_tokens": (purge_tokens,),
            "purge_idempotency": (self.purge_answers, self.purge_keys),
            "purge_claims": (purge_claims,),
            "purge_jobs": (self.purge_jobs, self.purge_deliveries, purge_letters),
        }
        return tuple(self.actor(name, each) for name, each in steps.items())

    def actor(self, name: str, steps: tuple[Step, ...]) -> Actor:
        """Return one kind of work: each step again and again until nothing is left."""

        def perform(_: Run) -> Verdict:
            for step in steps:
                self.exhaust(step)
            return Completed()

        return Actor(name=name, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=perform)

    def exhaust(self, step: Step) -> None:
        """Purge in small database transactions."""
        purged = BATCH
        while purged >= BATCH:
            with transaction(self.pool) as connection:
                purged = step(connection, self.clock(connection))

    def purge_answers(self, connection: Connection[Any], at: datetime) -> int:
        """Forget answers; the same key is refused from then on, with the position of then.

        What was purged before is not looked at again.
        """
        values = {"until": utc_text(at - self.kept.answers), "batch": BATCH}
        row = connection.execute(ANSWERS, values).fetchone()
        assert row is not None, "a statement that counts has one row"
        return int(row[0])

    def purge_keys(self, connection: Connection[Any], at: datetime) -> int:
        """Forget index keys that were replaced: no answer of their time is left."""
        return connection.execute(KEYS, (at - self.kept.answers,)).rowcount

    def purge_jobs(self, connection: Connection[Any], at: datetime) -> int:
        """Forget jobs that are over; dead ones are told by their dead letters."""
        return connection.execute(JOBS, (at - self.kept.jobs, BATCH)).rowcount

    def purge_deliveries(self, connection: Connection[Any], at: datetime) -> int:
        """Forget deliveries that arrived; those that died stay."""
        return connection.execute(DELIVERIES, (utc_text(at - self.kept.jobs), BATCH)).rowcount


def purge_tokens(connection: Connection[Any], at: datetime) -> int:
    """Forget the tokens of sessions long over; that there were sessions is history."""
    return connection.execute(TOKENS, (utc_text(at - TOKENS_KEPT), BATCH)).rowcount


def purge_claims(connection: Connection[Any], at: datetime) -> int:
    """Remove unique keys whose time is over: they count as free already."""
    return connection.execute(CLAIMS, (utc_text(at), BATCH)).rowcount


def purge_letters(connection: Connection[Any], at: datetime) -> int:
    """Forget dead letters that were tried again long ago; the others never expire."""
    return connection.execute(LETTERS, (at - LETTERS_KEPT, BATCH)).rowcount


NAMES = ("purge_tokens", "purge_idempotency", "purge_claims", "purge_jobs")
ENTRIES = tuple(Entry(name, EVERY_SECONDS) for name in NAMES)

TOKENS = b"""
UPDATE log.session_state SET alive = false, jti = '00000000-0000-0000-0000-000000000000'
WHERE session_id IN (
    SELECT session_id FROM log.session_state
    WHERE expires_at < %s AND jti <> '00000000-0000-0000-0000-000000000000'
    LIMIT %s
)
"""
ANSWERS = b"""
WITH place AS (
    SELECT purged_until FROM work.purges WHERE name = 'purge_idempotency' FOR UPDATE
), over AS (
    SELECT scope, key, recorded_at FROM log.commands
    WHERE recorded_at >= (SELECT purged_until FROM place) AND recorded_at < %(until)s
        AND answer IS NOT NULL
    ORDER BY recorded_at LIMIT %(batch)s
), purged AS (
    UPDATE log.commands SET answer = NULL, answer_key = NULL
    FROM over WHERE commands.scope = over.scope AND commands.key = over.key
), moved AS (
    UPDATE work.purges SET purged_until = CASE
        WHEN (SELECT count(*) FROM over) < %(batch)s THEN %(until)s
        ELSE (SELECT max(recorded_at) FROM over)
    END
    WHERE name = 'purge_idempotency'
)
SELECT count(*) FROM over
"""
KEYS = b"UPDATE log.index_keys SET sealed = NULL WHERE sealed IS NOT NULL AND replaced_at < %s"
CLAIMS = b"""
DELETE FROM log.claims WHERE (namespace, key) IN (
    SELECT namespace, key FROM log.claims WHERE expires_at < %s LIMIT %s
)
"""
JOBS = b"""
DELETE FROM work.jobs WHERE id IN (
    SELECT id FROM work.jobs WHERE completed_at < %s LIMIT %s
)
"""
DELIVERIES = b"""
DELETE FROM work.deliveries WHERE id IN (
    SELECT id FROM work.deliveries WHERE status = 'delivered' AND delivered_at < %s LIMIT %s
)
"""
LETTERS = b"""
DELETE FROM work.dead_letters WHERE id IN (
    SELECT id FROM work.dead_letters WHERE retried_at < %s LIMIT %s
)
"""
