"""The doors of this room to PostgreSQL: its pool, and the clock all processes share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeAlias

from psycopg import Connection
from psycopg_pool import ConnectionPool

from schema.blocking import BlockingPool, configure, still_open
from schema.postgres import CONNECTION, POOL_TIMEOUT_SECONDS, RECONNECT_SECONDS

Pool: TypeAlias = BlockingPool
"""Blocking connections of role `ledgerbank_app`, for threads; `json` arrives as bytes."""

Clock: TypeAlias = Callable[[Connection[Any]], datetime]
"""Tells the time by which leases, delays and ages are judged."""


def open_pool(dsn: str, size: int) -> Pool:
    """Open a pool of `size` connections, waiting for the first one."""
    pool: Pool = ConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        kwargs=CONNECTION,
        configure=configure,
        check=still_open,
        timeout=POOL_TIMEOUT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
    )
    pool.open(wait=True, timeout=10)
    return pool


@contextmanager
def transaction(pool: Pool) -> Iterator[Connection[tuple[Any, ...]]]:
    """Lend a connection inside one database transaction."""
    with pool.connection() as connection, connection.transaction():
        yield connection


def database_clock(connection: Connection[Any]) -> datetime:
    """Return the database's time: one clock for all workers, whatever their own say."""
    row = connection.execute(CLOCK).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


CLOCK = "SELECT clock_timestamp()"
