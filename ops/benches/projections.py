"""Projections: how fast read models follow the log, and how fast they are made again.

Rates count all events of the log, as a checkpoint does, whether a read model wants them or not.
"""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from statistics import median
from threading import Thread

from psycopg import Connection, sql

from ops.benches.checkpoints import wait_until_read
from ops.benches.deployment import Broken, Deployment
from ops.benches.figures import Figure, Goal, Result, figure
from ops.benches.scale import Scale
from ops.benches.windows import Series, Told, Window, interleaved
from ops.readmodels import keks_of
from ops.settings import Settings
from projections.catalogue import ALL, BY_NAME
from projections.log import decode_lines, head_position, read_page
from projections.rebuild import rebuild
from projections.runner import Runner
from schema.postgres import connect

GENERATE_SECONDS = 600.0
PAGE_EVENTS = 20_000
ONE_BY_ONE_SECONDS = 0.5
ALL_NAMES = frozenset().union(*(projector.reads for projector in ALL))

LIVE, EVERY = "live, all models", "rebuild, all models in turn"
READ, ONE_BY_ONE = "read and decode the log", "one event per commit"
FLOORS = (READ, ONE_BY_ONE)
NOTES = {
    READ: "pages of 20,000, binary, one connection",
    ONE_BY_ONE: "one UPSERT and one checkpoint, same driver",
    LIVE: f"{len(ALL)} models, one connection",
    EVERY: "fold, index, compare with the live rows, swap",
}


def measure_projections(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Generate a log, then follow it and rebuild from it."""
    dsn = deployment.database("reading")
    told(f"generating {scale.log_events:,} events")
    arguments = ("ops.generate", str(scale.log_events))
    deployment.run(dsn, *arguments, seconds=GENERATE_SECONDS)
    gc.collect()
    bench = Reading(dsn, deployment.settings(dsn))
    measured: dict[str, Callable[[], Awaitable[Window]]] = {
        READ: bench.read,
        ONE_BY_ONE: bench.one_by_one,
        LIVE: bench.live,
        **{name: bench.rebuilding(name) for name in BY_NAME},
    }
    series = asyncio.run(interleaved(scale.log_rounds, measured, told))
    series[EVERY] = in_turn([series[name] for name in BY_NAME])
    return Result(tuple(figures(series, bench.folded)), goals(series, bench.folded), (dsn,))


class Reading:
    """A log of `head` events, and what is done with it."""

    def __init__(self, dsn: str, settings: Settings) -> None:
        self.dsn, self.keks = dsn, keks_of(settings)
        self.folded: dict[str, list[float]] = defaultdict(list)
        with connect(dsn, statement_timeout_ms=0) as connection:
            connection.execute(SETTLE)
            connection.execute(ONE_BY_ONE_TABLE)
            self.head = head_position(connection)

    async def read(self) -> Window:
        """Read the whole log in pages and decode what read models want of it."""
        began, cpu, position = time.perf_counter(), time.process_time(), 0
        with connect(self.dsn, "ledgerbank_read") as connection:
            while lines := read_page(connection, ALL_NAMES, position, PAGE_EVENTS):
                position = lines[-1][0]
                for _ in decode_lines(lines):
                    pass
        return self.window(position, began, cpu)

    async def one_by_one(self) -> Window:
        """Change one row and move one checkpoint per commit, with nothing to decide."""
        began, cpu, position = time.perf_counter(), time.process_time(), 0
        with connect(self.dsn) as connection:
            while time.perf_counter() - began < ONE_BY_ONE_SECONDS:
                position += 1
                connection.execute(ONE_EVENT, (position, position))
        return self.window(position, began, cpu)

    async def live(self) -> Window:
        """Follow the log from its beginning, all read models in one runner."""
        with connect(self.dsn, statement_timeout_ms=0) as connection:
            empty(connection)
            runner = Runner(self.dsn, ALL, self.keks, holder="bench")
            following = Thread(target=runner.run)
            began, cpu = time.perf_counter(), time.process_time()
            following.start()
            try:
                wait_until_read(connection)
                return self.window(self.head, began, cpu)
            finally:
                runner.stop()
                following.join()

    def rebuilding(self, name: str) -> Callable[[], Awaitable[Window]]:
        """Return the measuring of one rebuild: fold, index, compare with the live rows, swap."""

        async def measure() -> Window:
            began, cpu = time.perf_counter(), time.process_time()
            report = rebuild(self.dsn, BY_NAME[name], self.keks)
            if not report.compared:
                raise Broken(f"the rebuild of {name} had nothing to compare with")
            self.folded[name].append(report.events_per_second)
            return self.window(report.position, began, cpu)

        return measure

    def window(self, done: int, began: float, cpu: float) -> Window:
        """Return what was done since `began`."""
        return Window(done, time.perf_counter() - began, time.process_time() - cpu)


def empty(connection: Connection) -> None:
    """Make all read models forget everything."""
    tables = sql.SQL(", ").join(
        sql.Identifier("read", table.name) for projector in ALL for table in projector.tables
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(tables))
    connection.execute(FORGET)


def in_turn(each: list[Series]) -> Series:
    """Return what it takes to rebuild everything: the log's events, all the time together."""
    rounds = zip(*(series.windows for series in each), strict=True)
    return Series(
        tuple(
            Window(
                windows[0].done,
                sum(window.seconds for window in windows),
                sum(window.cpu_seconds for window in windows),
            )
            for windows in rounds
        )
    )


def figures(series: dict[str, Series], folded: dict[str, list[float]]) -> list[Figure]:
    """Return a line for everything measured, beside the floors."""
    notes = NOTES | {
        name: f"folding and writing alone {median(rates):,.0f}/s" for name, rates in folded.items()
    }
    found = []
    for name, each in series.items():
        compared = () if name in FLOORS else FLOORS
        kind = "floor: " if name in FLOORS else "rebuild, " if name in BY_NAME else ""
        ratios = {floor: each.ratio(series[floor]) for floor in compared}
        note = notes[name]
        line = figure("projections", f"{kind}{name}", "events", each, ratios=ratios, note=note)
        found.append(line)
    return found


def goals(series: dict[str, Series], folded: dict[str, list[float]]) -> tuple[Goal, ...]:
    """Return what every single rebuild should reach, so that the slowest counts."""
    whole, slowest = min((series[name].rate, name) for name in BY_NAME)
    fold, slow = min((median(rates), name) for name, rates in folded.items())
    return (
        Goal(what=f"events/s of a rebuild, fold to swap ({slowest})", found=whole, least=50_000.0),
        Goal(what=f"events/s of a rebuild's fold ({slow})", found=fold, least=100_000.0),
    )


SETTLE = "VACUUM (ANALYZE) log.events"
FORGET = "UPDATE read.checkpoints SET position = 0, holder = NULL, status = 'running'"
ONE_BY_ONE_TABLE = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE floor.rows (id bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE floor.checkpoint (position bigint NOT NULL);
INSERT INTO floor.checkpoint VALUES (0);
"""
ONE_EVENT = """
WITH changed AS (
    INSERT INTO floor.rows VALUES (%s %% 1000, 1)
    ON CONFLICT (id) DO UPDATE SET balance = rows.balance + 1
)
UPDATE floor.checkpoint SET position = %s
"""
