"""Whoever waits for a position is told as soon as it is reached, or that it will not be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import msgspec
import psycopg
from psycopg import AsyncConnection

from projections.catalogue import BY_NAME
from projections.checkpoints import Checkpoints, list_projections
from schema.postgres import connect_async, open_pool
from tests.projections.conftest import Run, wait_for
from tests.projections.history import History

Story = Callable[[Checkpoints, AsyncConnection[tuple[object, ...]]], Awaitable[None]]


@asynccontextmanager
async def hub(dsn: str, poll_seconds: float = 30) -> AsyncIterator[Checkpoints]:
    """Enter checkpoints that hardly ever poll, unless said otherwise."""
    async with (
        await open_pool(dsn, 4, "ledgerbank_app") as pool,
        Checkpoints(dsn, pool, poll_seconds=poll_seconds, waiters_max=3) as checkpoints,
    ):
        await asyncio.sleep(0.2)
        yield checkpoints


def tell(dsn: str, story: Story, poll_seconds: float = 30) -> None:
    """Run `story` with checkpoints and the connection of somebody who moves them."""

    async def telling() -> None:
        async with hub(dsn, poll_seconds) as checkpoints, await connect_async(dsn) as mover:
            await story(checkpoints, mover)

    asyncio.run(telling())


def test_a_push_releases_exactly_those_who_have_what_they_need(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        both = asyncio.create_task(checkpoints.wait(("accounts", "users"), 5, 2))
        one = asyncio.create_task(checkpoints.wait(("accounts",), 5, 2))
        await asyncio.sleep(0.05)
        await mover.execute("SELECT pg_notify('ledger_checkpoint', 'accounts:5')")
        assert await one
        assert not both.done()
        await mover.execute("SELECT pg_notify('ledger_checkpoint', 'users:7')")
        assert await both
        assert checkpoints.reached(("accounts", "users")) == 5
        assert await checkpoints.wait(("accounts",), 5, 0)

    tell(database, story)


def test_time_runs_out(database: str) -> None:
    async def story(checkpoints: Checkpoints, _: AsyncConnection[tuple[object, ...]]) -> None:
        began = monotonic()
        assert not await checkpoints.wait(("accounts",), 1, 0.2)
        assert 0.15 < monotonic() - began < 1
        assert not checkpoints.waiters

    tell(database, story)


def test_a_projection_that_stops_is_not_waited_for(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        waiting = asyncio.create_task(checkpoints.wait(("accounts",), 5, 30))
        await asyncio.sleep(0.05)
        await mover.execute("UPDATE read.checkpoints SET status = 'failed'")
        await mover.execute("SELECT pg_notify('ledger_checkpoint', 'accounts:failed')")
        assert not await waiting
        assert checkpoints.stopped(("users", "accounts"))
        assert not await checkpoints.wait(("accounts",), 5, 30)
        await mover.execute("UPDATE read.checkpoints SET status = 'running', position = 5")
        await checkpoints.head()
        assert not checkpoints.stopped(("accounts",))
        assert await checkpoints.wait(("accounts",), 5, 0)

    tell(database, story)


def test_the_crowd_is_bounded(database: str) -> None:
    async def story(checkpoints: Checkpoints, _: AsyncConnection[tuple[object, ...]]) -> None:
        waiting = [asyncio.create_task(checkpoints.wait(("accounts",), 1, 1)) for _ in range(3)]
        await asyncio.sleep(0.05)
        began = monotonic()
        assert not await checkpoints.wait(("accounts",), 1, 1)
        assert monotonic() - began < 0.2
        assert await asyncio.gather(*waiting) == [False] * 3

    tell(database, story)


def test_a_killed_listener_is_back_within_a_second(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        await mover.execute(KILL_LISTENERS)
        waiting = asyncio.create_task(checkpoints.wait(("accounts",), 9, 5))
        await asyncio.sleep(1)
        await mover.execute("SELECT pg_notify('ledger_checkpoint', 'accounts:9')")
        began = monotonic()
        assert await waiting
        assert monotonic() - began < 0.5

    tell(database, story)


def test_what_was_pushed_while_nobody_listened_is_found_again(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        await mover.execute(KILL_LISTENERS)
        await mover.execute("UPDATE read.checkpoints SET position = 4")
        assert await checkpoints.wait(("accounts",), 4, 1)

    tell(database, story)


def test_polling_is_enough(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        await mover.execute("UPDATE read.checkpoints SET position = 3")
        assert await checkpoints.wait(("accounts",), 3, 1)

    tell(database, story, poll_seconds=0.05)


def test_a_checkpoint_that_goes_back_is_believed(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        await mover.execute("SELECT pg_notify('ledger_checkpoint', 'accounts:8')")
        assert await checkpoints.wait(("accounts",), 8, 1)
        await checkpoints.head()
        assert checkpoints.reached(("accounts",)) == 0

    tell(database, story)


def test_the_head_is_never_older_than_the_question(database: str) -> None:
    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        async def ask(position: int) -> None:
            await mover.execute("UPDATE log.head SET position = %s", (position,))
            assert await checkpoints.head() >= position

        for position in range(1, 100, 4):
            crowd = [asyncio.create_task(checkpoints.head()) for _ in range(20)]
            await ask(position)
            await asyncio.gather(*crowd)
        epoch = await (await mover.execute("SELECT epoch FROM log.head")).fetchone()
        assert epoch == ((await checkpoints.current()).epoch,)

    tell(database, story)


def test_every_command_is_seen_by_the_query_after_it(
    database: str, history: History, run: Run
) -> None:
    run()

    async def story(checkpoints: Checkpoints, mover: AsyncConnection[tuple[object, ...]]) -> None:
        for number in range(1, 31):
            user = history.user()
            history.account(user)
            await asyncio.to_thread(history.write, database)
            await mover.execute("NOTIFY ledger_appended")
            assert await checkpoints.wait(("accounts",), await checkpoints.head(), 2)
            cursor = await mover.execute("SELECT count(*) FROM read.accounts")
            assert await cursor.fetchone() == (number,)

    tell(database, story)


def test_projections_are_listed_with_their_lag(database: str, history: History, run: Run) -> None:
    run()
    history.user()
    head = history.write(database)
    wait_for(database, head)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.checkpoints SET position = 0 WHERE projection = 'banks'")

    async def listed() -> bytes:
        async with await open_pool(database, 1, "ledgerbank_app") as pool:
            return await list_projections(pool)

    found = {each["name"]: each for each in msgspec.json.decode(asyncio.run(listed()))}
    assert set(found) == set(BY_NAME)
    assert found["users"]["lag"] == 0
    assert found["users"]["updated_at"].endswith("Z")
    assert {**found["banks"], "updated_at": ""} == {
        "name": "banks",
        "position": 0,
        "head": head,
        "lag": head,
        "status": "running",
        "last_error": None,
        "updated_at": "",
    }


KILL_LISTENERS = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'LISTEN%'
"""
