"""The schedule: work that is done again and again, asked for by one leader (jobs.md §6).

Every entry is a job for the actor of its name. What an actor does is to be all that is due by then,
so that a turn that was missed is made up for by the next one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import Connection

from ledger.identity import derived_id
from ledger.times import utc_text
from workers.database import Clock, Pool, transaction
from workers.jobs import Cause, JobWanted, ask
from workers.presence import GONE

QUEUE = "default"
UNREACHABLE_SECONDS = 1
LEASE_SECONDS = 15
IDLE_SECONDS = 5
"""How long the leader is silent at most, and how often the others look whether it still leads."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the schedule: the name of an actor, and how often it is asked."""

    name: str
    every_seconds: int

    def after(self, due_at: datetime, at: datetime) -> datetime:
        """Return the first turn after `at`, in step with the one that was due."""
        every = timedelta(seconds=self.every_seconds)
        return due_at + every * ((at - due_at) // every + 1)


class Scheduler(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for what is due as long as it leads; `holder` is a name nobody else bears."""

    pool: Pool
    clock: Clock
    entries: Sequence[Entry]
    holder: str
    lease_seconds: int = LEASE_SECONDS
    idle_seconds: int = IDLE_SECONDS

    def run(self, stop: Event) -> None:
        """Take turns until `stop`, then let another lead. An outage is waited out."""
        log = structlog.get_logger()
        while not stop.is_set():
            try:
                stop.wait(self.turn())
            except psycopg.Error as failure:
                log.warning("scheduler.interrupted", failure=str(failure))
                stop.wait(UNREACHABLE_SECONDS)
        self.give_way()

    def turn(self) -> float:
        """Ask for all that is due, if this process leads; return the seconds until the next turn.

        Leading and asking are one database transaction: who was overtaken asks for nothing.
        """
        with transaction(self.pool) as connection:
            at = self.clock(connection)
            if not self.leads(connection, at):
                return self.idle_seconds
            connection.execute(ENSURE, ([entry.name for entry in self.entries], at))
            known = dict(connection.execute(KNOWN).fetchall())
            next_at = [
                self.serve(connection, entry, known[entry.name], at) for entry in self.entries
            ]
        soonest = min(next_at, default=at + timedelta(seconds=self.idle_seconds))
        return min((soonest - at).total_seconds(), self.idle_seconds)

    def leads(self, connection: Connection[Any], at: datetime) -> bool:
        """Say whether this process leads from `at` on: it did, or nobody does any more.

        A leader whose process is dead is replaced at once.
        """
        until = at + timedelta(seconds=self.lease_seconds)
        values = {"holder": self.holder, "at": at, "until": until}
        return connection.execute(LEAD, values).rowcount == 1

    def serve(
        self, connection: Connection[Any], entry: Entry, due_at: datetime, at: datetime
    ) -> datetime:
        """Ask for an entry if it is due; return when it is due next."""
        if due_at > at:
            return due_at
        ask(connection, wanted(entry, due_at), story(entry, due_at), at)
        next_at = entry.after(due_at, at)
        connection.execute(MOVE, (next_at, entry.name))
        return next_at

    def give_way(self) -> None:
        """Let another process lead at once; one that cannot be told waits for the lease to end."""
        try:
            with transaction(self.pool) as connection:
                connection.execute(GIVE_WAY, (self.clock(connection), self.holder))
        except psycopg.Error as failure:
            structlog.get_logger().warning("scheduler.interrupted", failure=str(failure))


def wanted(entry: Entry, due_at: datetime) -> JobWanted:
    """Return the job of one turn; while an earlier one is still open there is no other."""
    return JobWanted(
        actor=entry.name,
        queue=QUEUE,
        subject_type="schedule",
        subject_id=entry.name,
        cause=f"{entry.name}/{utc_text(due_at)}",
        unique_key=entry.name,
    )


def story(entry: Entry, due_at: datetime) -> Cause:
    """Return the story that begins with a turn."""
    told = derived_id("schedule", entry.name, utc_text(due_at))
    return Cause(correlation_id=f"req_{told.replace('-', '')}")


LEAD = (
    b"""
UPDATE work.scheduler SET holder = %(holder)s, lease_until = %(until)s
WHERE holder = %(holder)s OR lease_until < %(at)s OR holder IN ("""
    + GONE
    + b""")
"""
)

GIVE_WAY = b"UPDATE work.scheduler SET lease_until = %s WHERE holder = %s"

ENSURE = b"""
INSERT INTO work.schedules (name, due_at)
SELECT name, due_at FROM (SELECT unnest(%s::text[]) AS name, %s::timestamptz AS due_at) AS entries
ON CONFLICT (name) DO NOTHING
"""

KNOWN = b"SELECT name, due_at FROM work.schedules"

MOVE = b"UPDATE work.schedules SET due_at = %s WHERE name = %s"
