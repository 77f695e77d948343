"""Connections are bounded in every wait, and a dead one is noticed before it is used."""

import asyncio
import gc
from contextlib import suppress

import pytest
from psycopg_pool import PoolTimeout, TooManyRequests

from schema.postgres import (
    WAITING_PER_CONNECTION,
    NotDurable,
    connect,
    connect_async,
    durable,
    open_pool,
)


def test_a_pool_acts_as_its_role_with_bounded_waits_and_raw_json(database: str) -> None:
    async def story() -> tuple[object, ...]:
        pool = await open_pool(database, 1, "ledgerbank_app")
        async with pool, pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT current_user, current_setting('statement_timeout'),"
                " current_setting('lock_timeout'), '{\"a\": 1}'::json"
            )
            return await cursor.fetchone() or ()

    assert asyncio.run(story()) == ("ledgerbank_app", "5s", "2s", b'{"a": 1}')


def test_a_connection_the_server_closed_is_never_handed_out(database: str) -> None:
    async def story() -> tuple[int, int]:
        pool = await open_pool(database, 1)
        async with pool:
            async with pool.connection() as connection:
                first = connection.info.backend_pid
            async with await connect_async(database) as other:
                await other.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
                return first, connection.info.backend_pid

    first, second = asyncio.run(story())
    assert first != second


def test_whoever_loses_patience_while_connecting_leaves_no_connection(database: str) -> None:
    async def story() -> None:
        for patience_ms in range(0, 40, 2):
            connecting = asyncio.create_task(connect_async(database, "ledgerbank_app"))
            await asyncio.sleep(patience_ms / 1_000)
            connecting.cancel()
            with suppress(asyncio.CancelledError):
                await (await connecting).close()

    asyncio.run(story())
    gc.collect()  # A connection that nobody closed complains here, and a complaint is a failure.


def test_waiting_for_a_connection_is_bounded_in_time_and_in_number(database: str) -> None:
    async def story() -> list[type[BaseException]]:
        pool = await open_pool(database, 1)
        pool.timeout = 0.2

        async def ask() -> None:
            async with pool.connection():
                pass

        async with pool, pool.connection():
            asking = [ask() for _ in range(WAITING_PER_CONNECTION + 1)]
            answers = await asyncio.gather(*asking, return_exceptions=True)
            return sorted((type(each) for each in answers if each), key=lambda kind: kind.__name__)

    waited = [PoolTimeout] * WAITING_PER_CONNECTION
    assert asyncio.run(story()) == [*waited, TooManyRequests]


def test_a_server_that_may_forget_is_told(database: str) -> None:
    with connect(database) as connection:
        with pytest.raises(NotDurable) as found:
            durable(connection)
        assert {"fsync", "synchronous_commit"} <= set(found.value.settings)
