"""Projections: how fast read models follow the log, and how fast they are made again.

Rates count all events of the log, as a checkpoint does, whether a read model wants them or not.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from threading import Thread

from psycopg import Connection, sql

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
CATCH_UP_SECONDS = 300.0
POLL_SECONDS = 0.01
PAGE_EVENTS = 20_000
ONE_BY_ONE_SECONDS = 0.5
ALL_NAMES = frozenset().union(*(projector.reads for projector in ALL))

LIVE, EVERY = "live, all models", "rebuild, all models in turn"
READ, ONE_BY_ONE = "read and decode the log", "one event per commit"


def measure_projections(deployment: Deployment, scale: Scale, told: Told) -> Result:
    """Generate a log, then follow it and rebuild from it."""
    dsn = deployment.database("reading")
    told(f"generating {scale.log_events:,} events")
    arguments = ("ops.benches.generate", str(scale.log_events))
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
    return Result(tuple(figures(series)), goals(series), (dsn,))


class Reading:
    """A log of `head` events, and what is done with it."""

    def __init__(self, dsn: str, settings: Settings) -> None:
        self.dsn, self.keks = dsn, keks_of(settings)
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
                self.wait_for(connection, self.head)
                return self.window(self.head, began, cpu)
            finally:
                runner.stop()
                following.join()

    def wait_for(self, connection: Connection, position: int) -> None:
        """Return when every read model has come to `position`. Raises `Broken`."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while True:
            row = connection.execute(SLOWEST).fetchone()
            assert row is not None, "an aggregate has one row"
            slowest, failed = row
            if slowest >= position:
                return
            if failed or time.monotonic() > deadline:
                raise Broken(f"the projections stand at {slowest} of {position}: {failed}")
            time.sleep(POLL_SECONDS)

    def rebuilding(self, name: str) -> Callable[[], Awaitable[Window]]:
        """Return the measuring of one rebuild: fold, index, compare with the live rows, swap."""

        async def measure() -> Window:
            began, cpu = time.perf_counter(), time.process_time()
            report = rebuild(self.dsn, BY_NAME[name], self.keks)
            if not report.compared:
                raise Broken(f"the rebuild of {name} had nothing to compare with")
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


def figures(series: dict[str, Series]) -> list[Figure]:
    """Return a line for everything measured, beside the floors."""
    notes = {
        READ: "pages of 20,000, binary, one connection",
        ONE_BY_ONE: "one UPSERT and one checkpoint, same driver",
        LIVE: "nine models, one connection",
        EVERY: "fold, index, compare, swap",
    }
    found = []
    for name, each in series.items():
        case = f"floor: {name}" if name in {READ, ONE_BY_ONE} else name
        case = f"rebuild, {name}" if name in BY_NAME else case
        compared = () if name in {READ, ONE_BY_ONE} else (READ, ONE_BY_ONE)
        ratios = {f"× {floor}": each.ratio(series[floor]) for floor in compared}
        note = notes.get(name, "")
        found.append(figure("projections", case, "events", each, ratios=ratios, note=note))
    return found


def goals(series: dict[str, Series]) -> tuple[Goal, ...]:
    """Return what rebuilding should reach: every single model, so the slowest counts."""
    slowest = min((series[name].rate, name) for name in BY_NAME)
    return (
        Goal(what=f"events/s of the slowest rebuild ({slowest[1]})", found=slowest[0], least=5e4),
        Goal(what="events/s of the balances' rebuild", found=series["accounts"].rate, least=5e4),
    )


SETTLE = "VACUUM (ANALYZE) log.events"
FORGET = "UPDATE read.checkpoints SET position = 0, holder = NULL, status = 'running'"
SLOWEST = "SELECT min(position), max(last_error) FROM read.checkpoints"
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
