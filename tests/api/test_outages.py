"""A database that is away or full: one line for all requests, and a problem that tells nothing."""

import asyncio
from time import monotonic

import psycopg_pool
import pytest
import structlog

from api import outages
from api.outages import cause_of
from api.problems import as_refused
from api.seldom import Seldom
from ledger.errors import Reason
from schema.postgres import WAITING_PER_CONNECTION, open_pool
from tests.api.serving import Served
from tests.api.test_front import until
from tests.api.test_problems import check_problem


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "AWAY", Seldom(10.0))


def test_many_failed_requests_are_one_line_without_a_traceback(served: Served) -> None:
    with structlog.testing.capture_logs() as lines:
        for how in ("gone", "wrapped") * 10:
            answer = served.get(f"/api/fail/{how}")
            check_problem(answer)
            assert answer.json()["reason"] == "service_unavailable"
        until(lambda: len(lines) >= 21)
    (line,) = [each for each in lines if each["event"] != "http.answered"]
    assert line == {
        "event": "database.unavailable",
        "log_level": "error",
        "cause": "OperationalError",
        "route": "/api/fail/{how}",
        "requests": 1,
    }


def test_the_next_line_tells_how_many_there_were() -> None:
    now = [0.0]
    seldom = Seldom(10.0, clock=lambda: now[0])
    told = []
    for _ in range(25):
        told.append(seldom.due())
        now[0] += 1.0
    assert [each for each in told if each] == [1, 10, 10]


def test_a_full_pool_is_told_from_one_that_is_overrun(database: str) -> None:
    async def fill() -> list[Exception]:
        pool = await open_pool(database, 1)
        failures: list[Exception] = []

        async def ask() -> None:
            try:
                async with pool.connection(timeout=0.2):
                    pass
            except psycopg_pool.PoolTimeout as failure:
                failures.append(failure)
            except psycopg_pool.TooManyRequests as failure:
                failures.append(failure)

        async with pool.connection():
            began = monotonic()
            await asyncio.gather(*(ask() for _ in range(WAITING_PER_CONNECTION + 5)))
            assert monotonic() - began < 2
        await pool.close()
        return failures

    failures = asyncio.run(fill())
    causes = [cause_of(each) for each in failures]
    assert causes.count("TooManyRequests") == 5
    assert causes.count("PoolTimeout") == WAITING_PER_CONNECTION
    assert {as_refused(each).reason for each in failures} == {Reason.SERVICE_UNAVAILABLE}
