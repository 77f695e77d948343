"""Rate limits: a window that slides, shared by all servers, told in every answer (AC-22, 23)."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx2
import msgspec
import pytest
import redis
import structlog

from api.app import create_app
from api.rate_counter import RedisCounter
from api.rate_limits import Count, Policies, Policy, RateLimits, Standing, client_of
from api.wire import Wire
from ledger.identity import new_id
from tests.api.desk import THINGS, Paused, authenticate, things_uses
from tests.api.serving import Served, serving
from tests.api.test_problems import check_problem

SECRET = b"r" * 32
POLICIES = Policies(
    default=Policy("default", 3, 60), login=Policy("login", 2, 60), service=Policy("service", 5, 60)
)
SHORT = Policy("default", 3, 1)
MINE = f"/api/things/{new_id()}"
UNREACHABLE = "redis://127.0.0.1:1/0"
Scenario = Callable[[RedisCounter], Awaitable[None]]


def play(url: str, scenario: Scenario) -> None:
    async def run() -> None:
        counter = RedisCounter(url)
        try:
            await scenario(counter)
        finally:
            await counter.close()

    asyncio.run(run())


async def told(counter: RedisCounter, count: Count) -> Standing:
    standing = await counter.ask(count)
    assert standing is not None
    return standing


def test_a_window_slides_by_the_stores_clock(valkey: str) -> None:
    async def scenario(counter: RedisCounter) -> None:
        one = Count(SHORT, new_id(), 1)
        first = await told(counter, one)
        assert (first.passed, first.counted) == (True, 1)
        assert abs(first.now / 1_000 - time.time()) < 5
        assert (first.oldest_leaves_at, first.free_at) == (first.now + 1_000, first.now)
        await asyncio.sleep(0.5)
        second = await told(counter, one)
        assert second.oldest_leaves_at == first.oldest_leaves_at
        third = await told(counter, one)
        assert third.counted == 3
        assert third.free_at == first.oldest_leaves_at
        full = await told(counter, one)
        assert (full.passed, full.counted, full.free_at) == (False, 3, first.oldest_leaves_at)
        await asyncio.sleep(max(0.0, (first.oldest_leaves_at - full.now) / 1_000))
        again = await told(counter, one)
        assert (again.passed, again.counted) == (True, 3)
        assert again.oldest_leaves_at == second.now + 1_000
        assert not (await told(counter, one)).passed

    play(valkey, scenario)


def test_looking_counts_nothing_and_a_request_can_be_taken_back(valkey: str) -> None:
    async def scenario(counter: RedisCounter) -> None:
        one = Count(SHORT, new_id(), 1)
        look, back = (msgspec.structs.replace(one, requests=number) for number in (0, -1))
        for _ in range(5):
            standing = await told(counter, look)
            assert (standing.passed, standing.counted) == (True, 0)
            assert standing.oldest_leaves_at == standing.now
        await told(counter, one)
        assert (await told(counter, look)).counted == 1
        assert (await told(counter, back)).counted == 0
        assert (await told(counter, back)).counted == 0

    play(valkey, scenario)


def test_of_many_at_once_exactly_as_many_pass_as_may(valkey: str) -> None:
    async def scenario(counter: RedisCounter) -> None:
        other = RedisCounter(valkey)
        policy = Policy("service", 100, 60)
        crowd = [Count(policy, new_id(), 1) for _ in range(3)]
        asks = [each.ask(count) for _ in range(75) for each in (counter, other) for count in crowd]
        standings = await asyncio.gather(*asks)
        await other.close()
        assert sum(each is not None and each.passed for each in standings) == 300

    play(valkey, scenario)


def test_nothing_outlives_its_window_and_no_address_is_kept(valkey: str) -> None:
    async def scenario(counter: RedisCounter) -> None:
        rates = RateLimits(counter, Policies(default=SHORT, login=SHORT), SECRET)
        await rates.judge_login("198.51.100.7", "claim-of-somebody")

    play(valkey, scenario)
    with redis.Redis.from_url(valkey, decode_responses=True) as store:
        keys = set(store.scan_iter("ledgerbank:rate:*"))
        assert keys
        assert not any("198.51" in key or "claim" in key for key in keys)
        assert all(0 < store.pttl(key) <= 60_000 for key in keys)


def test_a_store_that_is_away_holds_nobody_up_and_is_complained_of_once_a_minute() -> None:
    passed = [0.0]

    async def scenario() -> None:
        counter = RedisCounter(UNREACHABLE, clock=lambda: passed[0])
        one = Count(SHORT, new_id(), 1)
        for _ in range(100):
            assert await counter.ask(one) is None
            passed[0] += 0.59
        assert len(lines) == 1
        passed[0] += 1.5
        assert await counter.ask(one) is None
        await counter.close()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(scenario())
    first, second = lines
    assert first["event"] == second["event"] == "rate_limits.not_counted"
    assert (first["failures"], first["failure"]) == (1, "ConnectionError")
    assert 25 <= second["failures"] <= 60


def test_a_store_that_never_answers_is_not_waited_for() -> None:
    async def scenario() -> None:
        port = silent.getsockname()[1]
        counter = RedisCounter(f"redis://127.0.0.1:{port}/0")
        one = Count(SHORT, new_id(), 1)
        began = time.monotonic()
        assert await asyncio.gather(*(counter.ask(one) for _ in range(50))) == [None] * 50
        assert time.monotonic() - began < 2
        began = time.monotonic()
        assert await counter.ask(one) is None
        assert time.monotonic() - began < 0.05
        await counter.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_who_is_one_client(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.fixture(scope="module")
def servers(valkey: str) -> Iterator[tuple[Served, Served]]:
    """Run two servers that count together."""
    wire = Wire(trusted_proxies=("127.0.0.0/8",))
    with limited(valkey, wire) as one, limited(valkey, wire) as two:
        yield one, two


@contextmanager
def limited(url: str, wire: Wire | None = None) -> Iterator[Served]:
    """Serve with limits that are counted in the store at `url`."""
    counter = RedisCounter(url)
    uses = things_uses(Paused()) | {RateLimits: RateLimits(counter, POLICIES, SECRET)}
    app = create_app(THINGS, uses, authenticate=authenticate, wire=wire)
    with serving(app, wire, counter.close) as served:
        yield served


@pytest.fixture(autouse=True)
def _forgotten(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as store:
        for key in store.scan_iter("ledgerbank:rate:*"):
            store.delete(key)


def get(server: Served, path: str, token: str | None = None, **headers: str) -> httpx2.Response:
    if path != MINE:
        return server.get(path, **headers)
    proof = {} if token is None else {"authorization": f"Bearer {token}"}
    return server.request("DELETE", path, headers=proof)


def family(answer: httpx2.Response) -> dict[str, str]:
    return {name: each for name, each in answer.headers.items() if "ratelimit" in name}


def test_the_request_after_the_last_one_is_refused(servers: tuple[Served, Served]) -> None:
    one, two = servers
    before = limited_by(one) + limited_by(two)
    for number, server in enumerate((one, two, one)):
        answer = get(server, MINE, "alice")
        assert answer.status_code == 200
        assert family(answer) == {
            "x-ratelimit-limit": "3",
            "x-ratelimit-remaining": str(2 - number),
            "x-ratelimit-reset": answer.headers["x-ratelimit-reset"],
            "ratelimit-policy": '"default";q=3;w=60',
            "ratelimit": f'"default";r={2 - number};t={seconds_left(answer)}',
        }
    for server in (two, one):
        answer = get(server, MINE, "alice")
        check_problem(answer)
        problem = answer.json()
        assert (answer.status_code, problem["reason"]) == (429, "rate_limit_exceeded")
        assert problem["details"] == {"policy": "default", "limit": 3, "window_seconds": 60}
        assert 50 < problem["retry_after_ms"] / 1_000 <= 60
        assert int(answer.headers["retry-after"]) == -(-problem["retry_after_ms"] // 1_000)
        assert answer.headers["ratelimit"] == f'"default";r=0;t={seconds_left(answer)}'
        assert answer.headers["x-ratelimit-remaining"] == "0"
    assert limited_by(one) + limited_by(two) == before + 2


def limited_by(server: Served) -> float:
    """Return how many requests a server refused so far."""
    line = 'ledgerbank_rate_limited_total{policy="default"} '
    told = server.get("/api/metrics").text.splitlines()
    return sum(float(each.removeprefix(line)) for each in told if each.startswith(line))


def seconds_left(answer: httpx2.Response) -> str:
    """Return the seconds to the reset an answer tells, found to fit its epoch."""
    left = int(answer.headers["ratelimit"].rpartition("t=")[2])
    assert 50 < left <= 60
    assert abs(int(answer.headers["x-ratelimit-reset"]) - time.time() - left) < 2
    return str(left)


def test_callers_have_budgets_of_their_own(servers: tuple[Served, Served]) -> None:
    one, two = servers
    for token, passing in (("alice", 3), ("admin", 3), ("robot", 5), (None, 3)):
        path = "/api/things" if token is None else MINE
        found = [get((one, two)[turn % 2], path, token).status_code for turn in range(passing + 1)]
        assert found[-1] == 429, token
        assert 429 not in found[:-1], token
    robot = get(one, MINE, "robot")
    assert robot.headers["ratelimit-policy"] == '"service";q=5;w=60'


def test_a_failed_proof_counts_against_the_address(servers: tuple[Served, Served]) -> None:
    one, two = servers
    for server, token in ((one, "forged"), (two, "old"), (one, None)):
        answer = get(server, MINE, token)
        assert answer.status_code == 401
        assert family(answer)
    for server, path in ((one, MINE), (two, "/api/things")):
        answer = get(server, path, "forged")
        assert answer.status_code == 429
        assert "www-authenticate" not in answer.headers
    assert get(two, MINE, "alice").status_code == 200


def test_addresses_are_told_apart_by_trusted_proxies_only(servers: tuple[Served, Served]) -> None:
    one, two = servers
    for number in range(5):
        forged = f"203.0.113.{number}, 198.51.100.1"
        answer = get(one, "/api/things", x_forwarded_for=forged)
        assert answer.status_code == (200 if number < 3 else 429)
    assert get(two, "/api/things", x_forwarded_for="198.51.100.2").status_code == 200


def test_who_was_refused_earlier_is_told_but_not_counted(servers: tuple[Served, Served]) -> None:
    one, _ = servers
    cases = {
        400: {"x_api_version": "2"},
        406: {"accept": "text/html"},
    }
    for status, headers in cases.items():
        answer = one.get("/api/things", **headers)
        assert answer.status_code == status
        assert answer.headers["x-ratelimit-remaining"] == "3"
        assert answer.headers["ratelimit"] == '"default";r=3;t=0'
    wrong = one.request("PUT", "/api/things")
    assert (wrong.status_code, wrong.headers["x-ratelimit-remaining"]) == (405, "3")
    assert not family(one.get("/api/nowhere"))
    broken = one.get("/api/fail/database")
    assert (broken.status_code, broken.headers["x-ratelimit-remaining"]) == (500, "2")


def test_probes_pages_and_preflights_are_free(servers: tuple[Served, Served]) -> None:
    one, _ = servers
    asks = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    for _ in range(5):
        for path in ("/api/health/live", "/api/metrics", "/api/docs", "/api/docs/openapi.json"):
            answer = one.get(path)
            assert answer.status_code == 200
            assert not family(answer)
        assert one.request("OPTIONS", "/api/things", headers=asks).status_code == 204
    assert one.get("/api/things").headers["x-ratelimit-remaining"] == "2"


def test_without_a_store_every_request_passes() -> None:
    with limited(UNREACHABLE) as served:
        for _ in range(5):
            answer = served.get("/api/things")
            assert answer.status_code == 200
            assert family(answer) == {
                "x-ratelimit-limit": "3",
                "ratelimit-policy": '"default";q=3;w=60',
            }


def test_without_limits_nothing_is_said_of_them(served: Served) -> None:
    for _ in range(5):
        assert not family(served.get("/api/things"))
