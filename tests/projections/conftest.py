"""Runners and readers over a fresh database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep

import psycopg
import pytest

from projections.catalogue import ALL
from projections.projector import Projector
from projections.runner import Runner
from tests.projections.history import KEKS, History

Run = Callable[..., Runner]


@pytest.fixture
def history() -> History:
    """Give an empty history."""
    return History()


@pytest.fixture
def run(database: str) -> Iterator[Run]:
    """Start runners in threads; they are stopped when the test ends."""
    started: list[tuple[Runner, Thread]] = []

    def start(holder: str = "one", *projectors: Projector, **settings: float) -> Runner:
        runner = Runner(database, projectors or ALL, KEKS, holder)
        for name, value in settings.items():
            setattr(runner, name, value)
        thread = Thread(target=runner.run)
        thread.start()
        started.append((runner, thread))
        return runner

    yield start
    for runner, _ in started:
        runner.stop()
    for _, thread in started:
        thread.join()


def checkpoint(dsn: str, projection: str) -> tuple[int, str, str | None]:
    """Return position, status and last error."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(CHECKPOINT, (projection,)).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def wait_for(dsn: str, position: int, *projections: str, seconds: float = 20) -> None:
    """Wait until projections (all of them by default) have applied `position`."""
    names = projections or tuple(each.name for each in ALL)
    wait_until(lambda: all(checkpoint(dsn, name)[0] >= position for name in names), seconds=seconds)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until `condition` holds; fail when it does not in time."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.01)


def contents(dsn: str, *projectors: Projector) -> dict[str, list[str]]:
    """Return every row of the read models as text, ordered."""
    with psycopg.connect(dsn) as connection:
        return {
            table.name: [
                row
                for (row,) in connection.execute(
                    f"SELECT t::text FROM read.{table.name} AS t ORDER BY 1".encode()
                )
            ]
            for projector in projectors or ALL
            for table in projector.tables
        }


@contextmanager
def followed(dsn: str, *projectors: Projector) -> Iterator[Runner]:
    """Run projections for the length of a block."""
    runner = Runner(dsn, projectors or ALL, KEKS, "followed")
    thread = Thread(target=runner.run)
    thread.start()
    try:
        yield runner
    finally:
        runner.stop()
        thread.join()


CHECKPOINT = "SELECT position, status, last_error FROM read.checkpoints WHERE projection = %s"
