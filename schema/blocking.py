"""A pool of blocking connections, for callers without an event loop."""

from typing import Any, TypeAlias

from psycopg import Connection, errors
from psycopg_pool import ConnectionPool

from schema.postgres import (
    CONNECTION,
    POOL_TIMEOUT_SECONDS,
    STATEMENT_TIMEOUT_MS,
    gone,
    pass_json_through,
    session_settings,
)

BlockingPool: TypeAlias = ConnectionPool[Connection[tuple[Any, ...]]]

CONNECTIONS_MAX = 8
WAITING_MAX = 64


def unopened_pool(dsn: str) -> BlockingPool:
    """Return a pool that connects when a connection is first asked for after `open`."""
    return ConnectionPool(
        dsn,
        min_size=0,
        max_size=CONNECTIONS_MAX,
        open=False,
        kwargs=CONNECTION,
        configure=configure,
        check=still_open,
        timeout=POOL_TIMEOUT_SECONDS,
        max_waiting=WAITING_MAX,
    )


def configure(connection: Connection[Any]) -> None:
    """Bound every wait of a new connection and give it least rights."""
    pass_json_through(connection)
    connection.execute(session_settings("ledgerbank_app", STATEMENT_TIMEOUT_MS))


def still_open(connection: Connection[Any]) -> None:
    """Refuse a pooled connection whose server has gone, without asking the server."""
    if gone(connection.pgconn):
        raise errors.AdminShutdown("the server closed this connection")
