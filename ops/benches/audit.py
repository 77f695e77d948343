"""The audit after the measuring: a log that is fast and wrong is worth nothing."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection

from ops.audits.reading import audited
from ops.benches.figures import Figure, Goal, figure
from ops.benches.windows import Series, Window
from ops.output import Bar
from schema.append import chained, content_hash
from schema.postgres import connect

PAGE_ROWS = 10_000
QUIET = Bar(None, None)


class Findings(msgspec.Struct, frozen=True):
    """What is wrong with the logs that were written, and how fast their chains were verified."""

    figure: Figure
    events: int
    wrong: tuple[str, ...]
    goals: tuple[Goal, ...]


def audit(databases: Sequence[str]) -> Findings:
    """Recompute every hash and every balance of these logs."""
    windows, wrong = [], []
    for dsn in databases:
        with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
            began, cpu = time.perf_counter(), time.process_time()
            events, broken = verified_chain(connection)
            seconds = time.perf_counter() - began
            windows.append(Window(events, seconds, time.process_time() - cpu))
            wrong += broken or unbalanced(dsn, events)
    series = Series(tuple(windows))
    note = f"{series.done:,} events of {len(databases)} logs"
    return Findings(
        figure("audit", "content and chain hashes verified", "events", series, note=note),
        series.done,
        tuple(wrong),
        (Goal(what="events/s of chain verification", found=series.rate, least=1e5),),
    )


def verified_chain(connection: Connection[Any]) -> tuple[int, list[str]]:
    """Recompute content and chain hash of every event; return how many, and the first fault."""
    row = connection.execute(GENESIS).fetchone()
    assert row is not None, "a SELECT of constants has one row"
    chain, position = row[0], 0
    with connection.cursor(binary=True) as cursor:
        while page := cursor.execute(PAGE, (position, PAGE_ROWS), prepare=True).fetchall():
            for found, data, content, link in page:
                position += 1
                expected = content_hash(position, data)
                chain = chained(chain, expected)
                if (found, content, link) != (position, expected, chain):
                    return position, [f"the chain is broken at position {position}"]
    head = connection.execute(HEAD).fetchone()
    return position, [] if head == (position, chain) else [f"the head is not at {position}"]


def unbalanced(dsn: str, events: int) -> list[str]:
    """Fold every balance; return which invariants do not hold, a trial balance of zero included."""
    return [each.line() for each in audited(dsn, None, events, QUIET).found]


GENESIS = "SELECT sha256('ledgerbank')"
PAGE = """
SELECT position, data, content_hash, chain_hash FROM log.events
WHERE position > %b ORDER BY position LIMIT %b
"""
HEAD = "SELECT position, chain_hash FROM log.head"
