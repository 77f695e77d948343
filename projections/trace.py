"""Trace: everything one request caused, across commands, events, jobs and attempts (proof P-9).

Read from the log and from the jobs themselves, so that nothing has to be in step.
"""

from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from psycopg import AsyncConnection

from ledger.events.recorded import Metadata
from schema.jobs import LETTER_SHAPE, SHAPE, TIME
from schema.postgres import Pool

EVENTS_MAX, JOBS_MAX = 1_000, 200


class TracedEvent(msgspec.Struct, frozen=True):
    """One event of a story: what, where and because of what; never what it says."""

    position: int
    command_id: str
    id: str
    type: str
    stream_id: str
    stream_version: int
    recorded_at: str
    metadata: Metadata


class Story(msgspec.Struct, frozen=True):
    """What one correlation id leads to. `jobs` and `dead_letters` are JSON.

    Not `whole`: there is more than is told at once.
    """

    events: tuple[TracedEvent, ...]
    jobs: bytes
    dead_letters: bytes
    whole: bool

    @property
    def commands(self) -> list[tuple[TracedEvent, ...]]:
        """Return the events command by command, in the order of the log."""
        return [tuple(each) for _, each in groupby(self.events, key=attrgetter("command_id"))]


async def story_of(pool: Pool, correlation_id: str) -> Story | None:
    """Return a story; None when nothing was recorded in it."""
    asked = {"id": correlation_id, "events": EVENTS_MAX + 1, "jobs": JOBS_MAX}
    async with pool.connection() as connection:
        events = await events_of(connection, asked)
        row: Any = await (await connection.execute(WORK, asked)).fetchone()
    jobs, dead_letters, count = row
    if not events and not count:
        return None
    whole = len(events) <= EVENTS_MAX and count <= JOBS_MAX
    return Story(events[:EVENTS_MAX], jobs, dead_letters, whole)


async def events_of(
    connection: AsyncConnection[Any], asked: dict[str, Any]
) -> tuple[TracedEvent, ...]:
    """Return the events of a story."""
    rows = await (await connection.execute(EVENTS, asked)).fetchall()
    return tuple(traced(row) for row in rows)


def traced(row: tuple[Any, ...]) -> TracedEvent:
    """Return an event whose row ends with its envelope."""
    told: list[Any] = [*row[:-1], msgspec.json.decode(row[-1], type=Told).metadata]
    return TracedEvent(*told)


class Told(msgspec.Struct, frozen=True):
    """What is read of an envelope."""

    metadata: Metadata


EVENTS = b"""
WITH story AS MATERIALIZED (
    SELECT position, command_id::text, event_id::text, name, stream_id, version, recorded_at, data
    FROM log.events WHERE correlation_id = %(id)s
)
SELECT * FROM story ORDER BY position LIMIT %(events)s
"""

WORK = f"""
SELECT (
    SELECT coalesce(json_agg(to_json(shape)), '[]') FROM (
        SELECT {SHAPE}, causation_id, cause_position, (
            SELECT coalesce(json_agg(to_json(try) ORDER BY a.started_at), '[]')
            FROM work.attempts AS a CROSS JOIN LATERAL (
                SELECT a.attempt, {TIME.format("a.started_at", "started_at")},
                    {TIME.format("a.ended_at", "ended_at")}, a.outcome, a.reason
            ) AS try
            WHERE a.job_id = jobs.id
        ) AS attempts
        FROM work.jobs WHERE correlation_id = %(id)s
        ORDER BY jobs.inserted_at, jobs.id LIMIT %(jobs)s
    ) AS shape
), (
    SELECT coalesce(json_agg(to_json(shape)), '[]') FROM (
        SELECT {LETTER_SHAPE} FROM work.dead_letters AS letters WHERE correlation_id = %(id)s
        ORDER BY letters.died_at, id LIMIT %(jobs)s
    ) AS shape
), (
    SELECT count(*) FROM work.jobs WHERE correlation_id = %(id)s
)
""".encode()  # noqa: S608  # constants
