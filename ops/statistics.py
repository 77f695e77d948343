"""Statistics of the log: how much there is of what, read from indexes and from where days begin."""

from datetime import date, timedelta
from typing import Any

import msgspec
from psycopg import Connection

DAYS_MAX = 31


class Count(msgspec.Struct, frozen=True):
    """How many events are of one kind."""

    name: str
    events: int


class Statistics(msgspec.Struct, frozen=True):
    """What a log comes to; bytes are those on disk, indexes included."""

    events: int
    first_recorded_at: str | None
    last_recorded_at: str | None
    bytes_on_disk: int
    bytes_per_event: int
    commands_estimated: int
    streams_estimated: int
    types: list[Count]
    days: list[Count]


def statistics(connection: Connection[Any]) -> Statistics:
    """Return what the log comes to. The newest days are told, at most 31."""
    row = connection.execute(WHOLE).fetchone()
    assert row is not None, "the log has a head"
    head, first, last, size, commands, streams = row
    types = [Count(*each) for each in connection.execute(TYPES).fetchall()]
    return Statistics(
        head, first, last, size, size // max(head, 1), commands, streams, types,
        days(connection, last) if last else [],
    )  # fmt: skip


def days(connection: Connection[Any], last: str) -> list[Count]:
    """Return how many events each of the newest days has, oldest first."""
    newest = date.fromisoformat(last[:10])
    begins = [newest - timedelta(days=back) for back in range(DAYS_MAX)]
    told = [f"{day.isoformat()}T00:00:00.000000Z" for day in begins]
    before = connection.execute(BEFORE, (told,)).fetchall()
    ends = [connection.execute(HEAD).fetchone(), *before]
    counts = [
        Count(day.isoformat(), end[0] - begin[0])
        for day, begin, end in zip(begins, before, ends, strict=False)
        if end is not None
    ]
    return [each for each in reversed(counts) if each.events]


WHOLE = """
SELECT head.position,
    (SELECT recorded_at FROM log.events ORDER BY position LIMIT 1),
    (SELECT recorded_at FROM log.events ORDER BY position DESC LIMIT 1),
    pg_total_relation_size('log.events'),
    (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'log.commands'::regclass),
    coalesce((
        SELECT CASE WHEN n_distinct < 0 THEN (-n_distinct * head.position)::bigint
            ELSE n_distinct::bigint END
        FROM pg_stats
        WHERE schemaname = 'log' AND tablename = 'events' AND attname = 'stream_id'
    ), 0)
FROM log.head AS head
"""
TYPES = "SELECT name, count(*) FROM log.events GROUP BY name ORDER BY 2 DESC, 1"
BEFORE = """
SELECT log.position_before(day) FROM unnest(%s::text[]) WITH ORDINALITY AS days (day, place)
ORDER BY place
"""
HEAD = "SELECT position FROM log.head"
