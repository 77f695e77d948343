"""The books behind a command line: what is in them, and how to get them into step or out of it."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

import psycopg

from projections.catalogue import ALL
from projections.runner import Runner
from tests.projections.conftest import wait_for
from tests.projections.history import KEKS


def head(dsn: str) -> int:
    """Return the newest position."""
    [(position,)] = rows(dsn, "SELECT position FROM log.head")
    assert isinstance(position, int)
    return position


def rows(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask the database, as its owner."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode(), values).fetchall()


def change(dsn: str, statement: str, *values: Any) -> None:
    """Change exactly one row, behind everybody's back and in spite of any trigger."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode(), values).rowcount == 1


def in_step(dsn: str) -> None:
    """Bring all read models to the head of the log."""
    runner = Runner(dsn, ALL, KEKS, "in step")
    thread = Thread(target=runner.run)
    thread.start()
    try:
        wait_for(dsn, head(dsn))
    finally:
        runner.stop()
        thread.join()


def contents(dsn: str, *tables: str) -> dict[str, Sequence[Any]]:
    """Return every row of read models as text."""
    return {name: rows(dsn, f"SELECT t::text FROM read.{name} AS t ORDER BY 1") for name in tables}
