"""When the bank is in trouble: who is asked again, who is left alone, and what becomes of money."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.access.house import Caller, House
from tests.banks.crew import Crew
from tests.banks.outside import Customer, Outside, cookie_of
from workers.breakers import KEY

API, PAYMENTS = "bank_api:sandbox", "payment_processor:sandbox"
GAPS_SECONDS = (0.1, 0.2, 0.4)
"""1, 2 and 4 s by default: these workers have RETRY_EXTERNAL_BASE_MS=100."""
LATE_SECONDS = 2.0
OPEN = 2
WAITING = """
SELECT id::text, scheduled_at - attempted_at FROM work.jobs
WHERE subject_id = %s AND state = 'retryable' AND scheduled_at - attempted_at > interval '2 s'
"""
"""Jobs that wait for longer than any retry here."""


@pytest.fixture(scope="module")
def customer(outside: Outside) -> Customer:
    found = outside.customer()
    outside.connected(found)
    return found


@pytest.fixture
def calm(outside: Outside, house: House, admin: Caller) -> Iterator[None]:
    """Let everything be well again afterwards."""
    yield
    outside.sandbox.control("DELETE", "/faults")
    for name in (API, PAYMENTS):
        house.data(admin, "POST", f"/api/circuit-breakers/{name}/reset")


def ended(house: House, outside: Outside, customer: Customer, payment_id: str) -> Any:
    """Wait for the end of a payment and its job; return both."""
    path = f"/api/payments/{payment_id}/status"

    def over() -> Any:
        told = house.data(customer.caller, "GET", path)
        final = told["job"]["state"] in {"completed", "discarded"}
        return told if final and told["payment"]["status"] != "PROCESSING" else None

    return outside.until(over, "the end of a payment")


def submissions(outside: Outside, payment_id: str) -> list[Any]:
    """Return the calls by which a payment was sent out."""
    sent = outside.sandbox.received("/payments")
    return [each for each in sent if each["body"]["payment_id"] == payment_id]


def breaker(house: House, admin: Caller, name: str, server: int) -> Any:
    told = house.data(admin, "GET", "/api/circuit-breakers", server=server)
    [found] = [each for each in told if each["name"] == name]
    return found


@pytest.mark.usefixtures("calm")
def test_a_bank_that_is_away_is_asked_four_times_under_one_key(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    before = outside.account(customer)
    match = {"method": "POST", "path": "/payments"}
    outside.sandbox.fault("http_error", status=503, times=0, match=match)
    payment_id = outside.started(customer, "10.00")
    told = ended(house, outside, customer, payment_id)
    payment, job = told["payment"], told["job"]
    assert (payment["status"], payment["failure_reason"]) == ("FAILED", "payment_provider_error")
    assert (job["state"], job["attempt"], job["max_attempts"]) == ("discarded", 4, 4)
    sent = submissions(outside, payment_id)
    assert {each["key"] for each in sent} == {payment_id}
    times = [datetime.fromisoformat(each["time"]) for each in sent]
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert len(gaps) == len(GAPS_SECONDS)
    for gap, least in zip(gaps, GAPS_SECONDS, strict=True):
        assert least <= gap < least * 1.25 + LATE_SECONDS
    path = "/api/jobs/dead?status=open&sort=inserted_at:desc"
    assert job["id"] in {each["job_id"] for each in house.data(admin, "GET", path)}
    after = outside.account(customer)
    for name in ("balance", "available", "held"):
        assert after[name] == before[name], name
    assert breaker(house, admin, PAYMENTS, 1)["state"] == "open"


@pytest.mark.usefixtures("calm")
def test_a_bank_that_declines_is_asked_once(
    house: House, outside: Outside, customer: Customer
) -> None:
    before = outside.account(customer)
    outside.sandbox.fault("decline", reason="do_not_honour")
    payment_id = outside.started(customer, "11.00")
    told = ended(house, outside, customer, payment_id)
    assert told["payment"]["status"] == "FAILED"
    assert told["payment"]["failure_reason"] == "payment_declined"
    assert (told["job"]["state"], told["job"]["attempt"]) == ("discarded", 1)
    assert len(submissions(outside, payment_id)) == 1
    after = outside.account(customer)
    assert (after["balance"], after["held"]) == (before["balance"], before["held"])


@pytest.mark.usefixtures("calm")
def test_an_answer_that_never_came_is_looked_up(
    house: House, outside: Outside, customer: Customer
) -> None:
    match = {"method": "POST", "path": "/payments"}
    outside.sandbox.fault("timeout", execute=True, match=match)
    payment_id = outside.started(customer, "12.00")
    told = ended(house, outside, customer, payment_id)
    assert told["payment"]["status"] == "COMPLETED"
    assert (told["job"]["state"], told["job"]["attempt"]) == ("completed", 2)
    assert len(submissions(outside, payment_id)) == 1
    assert moved_once(outside, customer, payment_id)


def moved_once(outside: Outside, customer: Customer, payment_id: str) -> bool:
    """Say whether a payment was executed once over there, and booked once over here."""
    truth = outside.sandbox.control("GET", "/truth")["accounts"]
    executed = [line for each in truth for line in each["transactions"]]
    sides = (executed, outside.transactions(customer))
    return all(sum(each["payment_id"] == payment_id for each in side) == 1 for side in sides)


def test_a_worker_killed_before_it_booked_moves_the_money_once(
    house: House, outside: Outside, customer: Customer, crew: Crew
) -> None:
    with crew.doomed("after_rail_answered") as worker:
        payment_id = outside.started(customer, "13.00")
        assert worker.wait(60) < 0
        path = f"/api/payments/{payment_id}"
        assert house.data(customer.caller, "GET", path)["status"] == "PROCESSING"
        lapse = "UPDATE work.jobs SET lease_until = now() WHERE subject_id = %s RETURNING id"
        assert len(house.rows(lapse, payment_id)) == 1
    told = ended(house, outside, customer, payment_id)
    assert told["payment"]["status"] == "COMPLETED"
    assert (told["job"]["state"], told["job"]["attempt"]) == ("completed", 1)
    assert len(submissions(outside, payment_id)) == 1
    assert moved_once(outside, customer, payment_id)


@pytest.mark.usefixtures("calm")
def test_six_failures_pause_the_bank_for_every_process(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    connection = house.data(customer.caller, "GET", "/api/bank-connections")[0]
    account = outside.account(customer)
    refused = [outside.request(outside.customer()) for _ in range(6)]
    for answer in refused:
        said = outside.consent(answer) | {"code": "nobody gave this one"}
        back = outside.come_back(said, cookie_of(answer))
        assert (back.status_code, back.json()["reason"]) == (503, "bank_api_error")
    assert breaker(house, admin, API, 0)["state"] == "closed"
    outside.sandbox.fault("http_error", status=503, times=0, match={"path": "/accounts"})
    outside.ask_by_schedule(connection["id"])
    outside.until(lambda: breaker(house, admin, API, 0)["state"] == "open", "the pause")
    assert breaker(house, admin, API, 1)["failures"] == 6
    assert sample(house, 1, "ledgerbank_circuit_breaker_state", {"name": API}) == OPEN
    asked = len(outside.sandbox.received("/oauth2/token"))
    for server in (0, 1):
        answer = outside.request(outside.customer())
        back = outside.come_back(outside.consent(answer), cookie_of(answer), server)
        assert (back.status_code, back.json()["reason"]) == (503, "circuit_breaker_open")
        assert 0 < int(back.headers["retry-after"]) <= 30
    assert len(outside.sandbox.received("/oauth2/token")) == asked
    assert outside.account(customer) == account
    assert outside.connection(customer, connection["id"])["status"] == "ACTIVE"
    outside.sandbox.control("DELETE", "/faults")
    half_a_minute_later(house)
    assert breaker(house, admin, API, 1)["state"] == "half_open"
    answer = outside.request(outside.customer())
    assert outside.come_back(outside.consent(answer), cookie_of(answer)).status_code == 200
    assert breaker(house, admin, API, 0)["state"] == "closed"
    told = due_now(house, outside, connection["id"])
    assert told == {"state": "completed", "attempt": 3, "failures": 2}
    assert outside.connection(customer, connection["id"])["status"] == "ACTIVE"


def half_a_minute_later(house: House) -> None:
    """Let the breaker of the bank have opened half a minute earlier."""
    with Redis.from_url(str(house.settings.core.redis_url)) as store:
        key = KEY.format(name=API)
        store.hincrby(key, "opened", -30_000)


def due_now(house: House, outside: Outside, connection_id: str) -> Any:
    """Have the time come of a sync that waits; return its job at the end."""
    [(job_id, _)] = outside.until(lambda: house.rows(WAITING, connection_id), "a sync that waits")
    wait = "SELECT state FROM work.jobs WHERE id = %s"
    house.rows("UPDATE work.jobs SET scheduled_at = now() WHERE id = %s RETURNING id", job_id)
    outside.until(lambda: house.rows(wait, job_id) == [("completed",)], "the sync")
    [told] = house.rows("SELECT state, attempt, failures FROM work.jobs WHERE id = %s", job_id)
    return dict(zip(("state", "attempt", "failures"), told, strict=True))


@pytest.mark.usefixtures("calm")
def test_a_bank_that_asks_for_patience_gets_it(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    connection = house.data(customer.caller, "GET", "/api/bank-connections")[0]
    outside.sandbox.fault("http_error", status=429, retry_after_s=7, match={"path": "/accounts"})
    before = len(outside.sandbox.received("/accounts"))
    outside.ask_by_schedule(connection["id"])
    [(job_id, wait)] = outside.until(lambda: house.rows(WAITING, connection["id"]), "the wait")
    assert 7 <= wait.total_seconds() < 7 * 1.25 + LATE_SECONDS
    assert len(outside.sandbox.received("/accounts")) == before + 1
    assert breaker(house, admin, API, 0)["failures"] == 0
    told = due_now(house, outside, connection["id"])
    assert told == {"state": "completed", "attempt": 1, "failures": 0}
    shown = house.data(admin, "GET", f"/api/jobs/{job_id}")
    assert [each["reason"] for each in shown["errors"]] == ["provider_rate_limited"]


def test_calls_and_breakers_are_told_to_whoever_measures(
    house: House, outside: Outside, customer: Customer
) -> None:
    connection = house.data(customer.caller, "GET", "/api/bank-connections")[0]
    kind = {"provider": "sandbox", "operation": "accounts", "outcome": "answered"}
    name = "ledgerbank_provider_request_duration_seconds"
    before = sample(house, 0, f"{name}_count", kind)
    asked = outside.connection(customer, connection["id"])["last_sync_at"]
    outside.ask_by_schedule(connection["id"])
    outside.until(
        lambda: outside.connection(customer, connection["id"])["last_sync_at"] > asked, "a sync"
    )
    for server in (0, 1):
        counted = sample(house, server, f"{name}_count", kind)
        assert counted == before + 1
        assert sample(house, server, f"{name}_bucket", kind | {"le": "+Inf"}) == counted
        assert sample(house, server, f"{name}_sum", kind) > 0
        state = sample(house, server, "ledgerbank_circuit_breaker_state", {"name": API})
        assert state == 0


def sample(house: House, server: int, name: str, labels: dict[str, str]) -> float:
    """Return the value of one series as a server tells it."""
    text = house.clients[server].get("/api/metrics").text
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            if each.name == name and each.labels == labels:
                return each.value
    raise AssertionError(f"there is no {name} {labels}")
