"""PostgreSQL as the product uses it: bounded waits, least rights, JSON passed through as bytes."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from psycopg import AsyncConnection, Connection, errors, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn
from psycopg_pool import AsyncConnectionPool
from typing_extensions import override

Role: TypeAlias = Literal["ledgerbank_app", "ledgerbank_read"]
Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]

CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "prepare_threshold": 1,
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "ledgerbank",
}
STATEMENT_TIMEOUT_MS = 5_000
POOL_TIMEOUT_SECONDS = 2.0
RECONNECT_SECONDS = 3.0
"""How long a pool tries by itself, ever more seldom; then the next request has it try at once."""
WAITING_PER_CONNECTION = 32
"""A burst of requests waits its turn; more would only wait until they time out."""


class NotDurable(Exception):
    """The server may lose what it acknowledged; `settings` are the names that are off."""

    def __init__(self, settings: list[str]) -> None:
        super().__init__(f"the database runs with {', '.join(settings)} off")
        self.settings = settings


class RawJson(Loader):
    """JSON made by the database goes to the client as it is."""

    @override
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


async def open_pool(dsn: str, size: int, role: Role | None = None) -> Pool:
    """Open a pool of `size` connections that act as `role`, waiting for the first one.

    Waiting for a connection is bounded in time and in number: `PoolTimeout`, `TooManyRequests`.
    """
    pool: Pool = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        kwargs=CONNECTION,
        configure=configured(role),
        check=still_open,
        timeout=POOL_TIMEOUT_SECONDS,
        max_waiting=WAITING_PER_CONNECTION * size,
        reconnect_timeout=RECONNECT_SECONDS,
    )
    await pool.open(wait=True, timeout=10)
    return pool


def configured(role: Role | None) -> Callable[[AsyncConnection[Any]], Awaitable[None]]:
    """Return what a pool does with every new connection."""

    async def configure(connection: AsyncConnection[Any]) -> None:
        pass_json_through(connection)
        await connection.execute(session_settings(role, STATEMENT_TIMEOUT_MS))

    return configure


def connect(
    dsn: str, role: Role | None = None, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
) -> Connection:
    """Open one blocking connection that acts as `role`; 0 milliseconds is no limit."""
    connection = Connection.connect(dsn, **CONNECTION)
    pass_json_through(connection)
    connection.execute(session_settings(role, statement_timeout_ms))
    return connection


async def connect_async(dsn: str, role: Role | None = None) -> AsyncConnection[tuple[Any, ...]]:
    """Open one asynchronous connection of its own, outside any pool."""
    connection = await AsyncConnection.connect(dsn, **CONNECTION)
    try:
        await configured(role)(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def session_settings(role: Role | None, statement_timeout_ms: int) -> sql.Composed:
    """Return the statement that bounds every wait and takes on `role`."""
    limits = sql.SQL(LIMITS).format(sql.Literal(f"{statement_timeout_ms}ms"))
    return limits + sql.SQL("SET ROLE {}").format(sql.Identifier(role)) if role else limits


def pass_json_through(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Hand `json` and `jsonb` values over as bytes."""
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, RawJson)


async def still_open(connection: AsyncConnection[Any]) -> None:
    """Refuse a pooled connection whose server has gone, without asking the server."""
    if gone(connection.pgconn):
        raise errors.AdminShutdown("the server closed this connection")


def gone(connection: PGconn) -> bool:
    """Say whether the server closed an idle connection; reads only what has already arrived.

    The first read takes in the farewell, the second one meets the end.
    """
    try:
        connection.consume_input()
        connection.consume_input()
    except errors.OperationalError:
        return True
    return connection.status != ConnStatus.OK


def durable(connection: Connection[Any]) -> None:
    """Raise `NotDurable` unless what the server acknowledges is on disk (config.md §2, rule 8)."""
    off = connection.execute(OFF).fetchall()
    if off:
        raise NotDurable([name for (name,) in off])


LIMITS = """
SET lock_timeout = '2s';
SET idle_in_transaction_session_timeout = '10s';
SET statement_timeout = {};
"""
OFF = """
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
ORDER BY name
"""
