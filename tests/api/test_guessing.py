"""Guessing passwords: the time tells nothing, and a flood of guesses starves nobody (AC-30)."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter, sleep

import httpx2
import pytest
from typing_extensions import override

from api.passwords import Cost, Passwords
from api.throttle import Patience
from ops.benches.guessing import Comparison, compared, timed_pairs
from tests.api.bank import Bank, Parts, opened
from tests.api.signing_in import data_of, login, reason, refresh, register, signed_in

NOTICEABLE = Cost(memory_kib=8_192, time_cost=1)
PAIRS, TRIES = 30, 4
AUC, RATIO, SOONER = 0.16, 0.20, 0.2
ENDLESS = Patience(failures=1_000_000)
CROWD, PLACES = 24, 18
COMMANDS = 10


class Hasty(Passwords):
    """The mistake that the test must see: who has no hash is not worth one."""

    @override
    async def matches(self, password: str, stored: str | None) -> bool:
        return stored is not None and await super().matches(password, stored)


def guessed_at(bank: Bank, known: str) -> Comparison:
    """Guess at an address that is known and at one that is not, in turn."""

    def guess(email: str) -> Callable[[], None]:
        def send() -> None:
            assert reason(login(bank, email, "wrong")) == (401, "invalid_credentials")

        return send

    return timed_pairs(guess(known), guess(f"no-{known}"), PAIRS)


def test_the_time_of_a_refused_login_tells_nothing(database: str) -> None:
    with opened(database, parts=Parts(cost=NOTICEABLE, patience=ENDLESS)) as bank:
        known = register(bank)["email"]
        found = [guessed_at(bank, known)]
        while found[-1].tells(AUC, RATIO) and len(found) < TRIES:
            found.append(guessed_at(bank, known))
        assert not found[-1].tells(AUC, RATIO), found
        wrong, unknown = login(bank, known, "wrong"), login(bank, f"no-{known}", "wrong")
        assert stripped(wrong) == stripped(unknown)


def test_a_server_that_hashes_nothing_for_strangers_would_be_seen(database: str) -> None:
    parts = Parts(cost=NOTICEABLE, patience=ENDLESS, passwords=Hasty)
    with opened(database, parts=parts) as bank:
        known = register(bank)["email"]
        found = [guessed_at(bank, known)]
        while found[-1].auc > SOONER and len(found) < TRIES:
            found.append(guessed_at(bank, known))
    assert found[-1].tells(AUC, RATIO), found
    assert found[-1].auc < SOONER, "strangers are answered sooner nearly always"


def stripped(answer: httpx2.Response) -> tuple[int, dict[str, object]]:
    """Return what does not name the one occurrence."""
    return answer.status_code, answer.json() | {"instance": "", "timestamp": ""}


@pytest.mark.parametrize(
    ("first", "second", "auc", "ratio"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], 1.0, 2.5),
        ([2.0, 2.0], [1.0, 3.0], 0.5, 1.0),
        ([4.0, 5.0], [1.0, 2.0], 0.0, 1 / 3),
    ],
)
def test_samples_are_compared_by_rank_and_median(
    first: list[float], second: list[float], auc: float, ratio: float
) -> None:
    found = compared(first, second)
    assert (found.auc, found.ratio) == pytest.approx((auc, ratio))


@contextmanager
def flooded(bank: Bank, answers: Counter[int], waits: list[float]) -> Iterator[None]:
    """Have a crowd guess passwords for the length of the block; note how long each one waits."""
    stopping = threading.Event()

    async def guess(client: httpx2.AsyncClient, email: str) -> None:
        while not stopping.is_set():
            began = perf_counter()
            answer = await client.post("/api/auth/login", json={"email": email, "password": "x"})
            answers[answer.status_code] += 1
            if answer.status_code == 503:
                await asyncio.sleep(0.2)
            else:
                waits.append(perf_counter() - began)

    async def flood() -> None:
        url, endless = f"http://127.0.0.1:{bank.served.port}", httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=url, timeout=30, limits=endless) as client:
            await asyncio.gather(*(guess(client, f"g{n}@example.com") for n in range(CROWD)))

    thread = threading.Thread(target=lambda: asyncio.run(flood()))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def test_a_flood_of_guesses_does_not_starve_commands(database: str) -> None:
    """Hashing has its own thread and a queue with an end, so all others overtake it."""
    answers: Counter[int] = Counter()
    waits: list[float] = []

    def narrow(cost: Cost, _: int) -> Passwords:
        return Passwords(cost, threads=1, queued_max=PLACES - 1)

    parts = Parts(cost=Cost(), patience=ENDLESS, passwords=narrow)
    with opened(database, parts=parts) as bank:
        email = register(bank)["email"]
        tokens, seconds = signed_in(bank, email), []
        with flooded(bank, answers, waits):
            sleep(0.5)
            for _ in range(COMMANDS):
                began = perf_counter()
                answer = refresh(bank, tokens["refresh_token"])
                seconds.append(perf_counter() - began)
                assert answer.status_code == 200
                tokens = data_of(answer)
        assert median(seconds) < median(waits) / 3, (seconds, waits)
        assert answers[401] > 0
        assert answers[503] > 0, "who would wait too long is told at once"
        assert answers.keys() == {401, 503}
        assert signed_in(bank, email)
