"""Login throttle: counted in the database, doubled each time, forgotten after success or time."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from api.throttle import Patience, Throttle
from ledger.errors import Reason, Refused
from schema.postgres import open_pool

Scenario = Callable[[Throttle], Awaitable[None]]


def play(database: str, scenario: Scenario, patience: Patience | None = None) -> None:
    async def run() -> None:
        pool = await open_pool(database, 16, "ledgerbank_app")
        try:
            await scenario(Throttle(pool, patience or Patience()))
        finally:
            await pool.close()

    asyncio.run(run())


async def locked_for(throttle: Throttle, claim: str = "a") -> int:
    """Say for how many seconds an address has to wait; 0 when it need not."""
    try:
        await throttle.admit(claim)
    except Refused as refused:
        return int(refused.details["retry_after"])
    return 0


def pass_time(database: str, interval: str) -> None:
    """Let time pass for every address: everything happened that much earlier."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE log.login_failures SET failed_at = failed_at - %(ago)s::interval,"
            " locked_until = locked_until - %(ago)s::interval",
            {"ago": interval},
        )


def test_the_fifth_failure_locks_and_each_further_one_locks_longer(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for _ in range(4):
            await throttle.failed("a")
            assert await locked_for(throttle) == 0
        waits = []
        for _ in range(12):
            await throttle.failed("a")
            waits.append(await locked_for(throttle))
            pass_time(database, "301 s")
            assert await locked_for(throttle) == 0
        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]

    play(database, scenario)


def test_addresses_are_counted_apart(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for _ in range(5):
            await throttle.failed("a")
        assert await locked_for(throttle, "a") == 1
        assert await locked_for(throttle, "b") == 0

    play(database, scenario)


def test_attempts_during_a_lock_are_refused_and_do_not_count(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for _ in range(5):
            await throttle.failed("a")
        for attempt in (throttle.failed, throttle.succeeded, throttle.admit):
            with pytest.raises(Refused) as caught:
                await attempt("a")
            assert caught.value.reason is Reason.LOGIN_THROTTLED
            assert caught.value.details == {"retry_after": 1, "retry_after_ms": 1_000}
        pass_time(database, "2 s")
        await throttle.failed("a")
        assert await locked_for(throttle) == 2

    play(database, scenario)


def test_a_success_starts_over(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for _ in range(4):
            await throttle.failed("a")
        await throttle.succeeded("a")
        for _ in range(4):
            await throttle.failed("a")
        assert await locked_for(throttle) == 0
        await throttle.failed("a")
        assert await locked_for(throttle) == 1

    play(database, scenario)


def test_fifteen_quiet_minutes_start_over(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for _ in range(4):
            await throttle.failed("a")
        pass_time(database, "14 min 59 s")
        await throttle.failed("a")
        assert await locked_for(throttle) == 1
        pass_time(database, "15 min 1 s")
        await throttle.failed("a")
        assert await locked_for(throttle) == 0

    play(database, scenario)


def test_many_guesses_at_the_same_moment_tell_no_more_than_a_few(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        guesses = [throttle.failed("a") for _ in range(20)]
        told = await asyncio.gather(*guesses, return_exceptions=True)
        assert told.count(None) == 5
        assert sum(isinstance(each, Refused) for each in told) == 15

    play(database, scenario)


def test_a_deployment_may_be_stricter(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        await throttle.failed("a")
        assert await locked_for(throttle) == 1
        pass_time(database, "2 s")
        await throttle.failed("a")
        pass_time(database, "3 s")
        await throttle.failed("a")
        assert await locked_for(throttle) == 3

    play(database, scenario, Patience(failures=1, seconds_max=3))


def test_what_is_over_is_swept(database: str) -> None:
    async def scenario(throttle: Throttle) -> None:
        for number in range(25):
            await throttle.failed(f"old-{number}")
        pass_time(database, "16 min")
        for number in range(3):
            await throttle.failed(f"new-{number}")

    play(database, scenario)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT claim FROM log.login_failures").fetchall()
    assert sorted(claim for (claim,) in rows) == ["new-0", "new-1", "new-2"]
