"""Circuit breakers on a real store: when they open, who may try, and what closes them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from uuid import uuid4

import msgspec
import pytest

from ledger.errors import Reason
from workers.breakers import Breaker, NoBreakers, SharedBreakers, bank_api
from workers.retries import Failed


@pytest.fixture
def breakers(valkey: str) -> Iterator[SharedBreakers]:
    shared = SharedBreakers(valkey)
    yield shared
    shared.close()


@pytest.fixture
def breaker() -> Breaker:
    name = f"bank_api:{uuid4().hex}"
    return Breaker(name=name, failures_max=2, window_ms=60_000, reset_ms=100)


def call(breakers: SharedBreakers, breaker: Breaker, *, failed: bool) -> None:
    breakers.report(breaker, breakers.admit(breaker), failed=failed)


def trip(breakers: SharedBreakers, breaker: Breaker) -> None:
    for _ in range(breaker.failures_max + 1):
        call(breakers, breaker, failed=True)


def refused(breakers: SharedBreakers, breaker: Breaker) -> int:
    with pytest.raises(Failed) as failed:
        breakers.admit(breaker)
    assert failed.value.failure.reason is Reason.CIRCUIT_BREAKER_OPEN
    assert failed.value.failure.wait_ms is not None
    return failed.value.failure.wait_ms


def test_one_failure_more_than_allowed_opens_it_for_all_processes(
    breakers: SharedBreakers, breaker: Breaker, valkey: str
) -> None:
    patient = msgspec.structs.replace(breaker, reset_ms=60_000)
    for _ in range(2):
        call(breakers, patient, failed=True)
        call(breakers, patient, failed=False)
    breakers.admit(patient)
    assert breakers.standing(patient).state == "closed"
    assert breakers.standing(patient).failures == 2
    call(breakers, patient, failed=True)
    other = SharedBreakers(valkey)
    assert 55_000 < refused(other, patient) <= 60_000
    standing = other.standing(patient)
    assert (standing.state, standing.failures, standing.threshold) == ("open", 3, 2)
    assert standing.opened_at_ms is not None
    assert standing.next_probe_at_ms == standing.opened_at_ms + 60_000
    other.close()


def test_failures_of_long_ago_do_not_count(breakers: SharedBreakers, breaker: Breaker) -> None:
    forgetful = msgspec.structs.replace(breaker, window_ms=50)
    for _ in range(6):
        call(breakers, forgetful, failed=True)
        sleep(0.03)
    assert breakers.standing(forgetful).state == "closed"


def test_after_a_while_one_alone_may_try(breakers: SharedBreakers, breaker: Breaker) -> None:
    trip(breakers, breaker)
    sleep(0.12)
    assert breakers.standing(breaker).state == "half_open"

    def asked(_: int) -> str:
        try:
            return breakers.admit(breaker)
        except Failed:
            return ""

    with ThreadPoolExecutor(8) as threads:
        permits = [permit for permit in threads.map(asked, range(16)) if permit]
    assert len(permits) == 1
    breakers.report(breaker, permits[0], failed=False)
    assert breakers.standing(breaker).state == "closed"
    assert breakers.standing(breaker).failures == 0


def test_a_try_that_fails_begins_the_pause_again(
    breakers: SharedBreakers, breaker: Breaker
) -> None:
    trip(breakers, breaker)
    sleep(0.12)
    call(breakers, breaker, failed=True)
    assert 0 < refused(breakers, breaker) <= 100
    sleep(0.12)
    call(breakers, breaker, failed=False)
    breakers.admit(breaker)


def test_calls_from_before_it_opened_decide_nothing(
    breakers: SharedBreakers, breaker: Breaker
) -> None:
    slow, slower = breakers.admit(breaker), breakers.admit(breaker)
    trip(breakers, breaker)
    breakers.report(breaker, slow, failed=False)
    assert breakers.standing(breaker).state == "open"
    opened_at = breakers.standing(breaker).opened_at_ms
    breakers.report(breaker, slower, failed=True)
    assert breakers.standing(breaker).opened_at_ms == opened_at


def test_staff_can_close_one_early(breakers: SharedBreakers, breaker: Breaker) -> None:
    trip(breakers, breaker)
    assert breaker.name in {each.name for each in breakers.standings()}
    breakers.close_early(breaker.name)
    assert breakers.standing(breaker).state == "closed"
    breakers.admit(breaker)


def test_without_its_store_it_stops_nobody() -> None:
    breakers = SharedBreakers("redis://127.0.0.1:9/0")
    trip(breakers, bank_api("sandbox"))
    assert breakers.admit(bank_api("sandbox"))
    assert breakers.standings() == ()
    assert breakers.standing(bank_api("sandbox")).state == "closed"
    breakers.close()


def test_it_can_be_switched_off() -> None:
    for _ in range(9):
        NoBreakers().report(bank_api("sandbox"), "", failed=True)
    assert NoBreakers().admit(bank_api("sandbox")) == ""
    (standing,) = NoBreakers((bank_api("sandbox"),)).standings()
    assert (standing.name, standing.state, standing.threshold) == ("bank_api:sandbox", "closed", 5)
