"""Processes killed, brokers wiped: nothing acknowledged is lost (AC-19, 81, 82)."""

from decimal import Decimal

import pytest

from ledger.identity import new_id
from tests.journeys.load import Load, under_load
from tests.journeys.people import Person, Town, payment_body
from tests.journeys.system import APIS, NAMES, System, eventually

pytestmark = pytest.mark.timeout(400)
SECONDS = 150
FLUSHED, INTERRUPTED = 200, 60


def total(person: Person, path: str) -> int:
    """Return how many rows a list has."""
    return int(person.ask("GET", path, server=1).json()["metadata"]["pagination"]["total_count"])


def completed(person: Person, account: str) -> int:
    return total(person, f"/api/payments?account_id={account}&status=COMPLETED&page_size=1")


def all_completed(system: System, person: Person, account: str, count: int) -> None:
    """See so many payments of an account come to their end, each booked once."""
    eventually(
        lambda: completed(person, account) == count,
        f"{count} payments are completed",
        system.said,
        SECONDS,
    )
    path = f"/api/accounts/{account}/transactions?type=PAYMENT&page_size=1"
    assert total(person, path) == count


def accepted(town: Town, person: Person, account: str, count: int) -> list[str]:
    """Create and start so many payments of 1.00."""
    creates = [
        person.asks("POST", "/api/payments", payment_body(account, "1.00")) for _ in range(count)
    ]
    created = town.door.race(creates)
    assert {answer.status_code for answer in created} == {201}
    payments = [str(answer.json()["data"]["id"]) for answer in created]
    starts = [person.asks("POST", f"/api/payments/{payment}/process") for payment in payments]
    started = town.door.race(starts)
    assert {answer.status_code for answer in started} == {202}
    return payments


def books_hold(system: System, town: Town) -> None:
    town.books_balance()
    checked = system.ledgerbank("ledger", "check")
    assert checked.code == 0, checked


def test_a_wiped_broker_loses_no_payment(system: System, town: Town, customer: Person) -> None:
    account = town.account(customer)
    payments = accepted(town, customer, account, FLUSHED)
    system.flush_broker()
    all_completed(system, customer, account, FLUSHED)
    assert len(set(payments)) == FLUSHED
    assert customer.balance(account) == "800.00"
    books_hold(system, town)


def test_work_interrupted_everywhere_is_resumed_in_the_same_attempt(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    payments = accepted(town, customer, account, INTERRUPTED)
    eventually(lambda: completed(customer, account), "the first payment is completed", system.said)
    for name in ("worker-1", "worker-2"):
        system.kill(name)
    all_completed(system, customer, account, INTERRUPTED)
    assert customer.balance(account) == "940.00"

    def jobs_are_over() -> bool:
        jobs = [customer.get(f"/api/payments/{payment}/status")["job"] for payment in payments]
        return all((job["state"], job["attempt"]) == ("completed", 1) for job in jobs)

    eventually(jobs_are_over, "every job ends in its first attempt", system.said, SECONDS)
    books_hold(system, town)


def test_a_key_outlives_servers_and_broker(system: System, town: Town, customer: Person) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    ask = customer.transfer(source, destination, "5.00", idempotency_key=new_id())
    first = town.door.send(ask)
    assert first.status_code == 201
    for name in APIS:
        system.killed(name)
    system.flush_broker()
    for server in (0, 1):
        again = town.door.send(ask, server=server)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
    assert customer.balance(source) == "995.00"


def test_killed_processes_lose_nothing_acknowledged(
    system: System, town: Town, customer: Person
) -> None:
    fields = {"account_type": "INVESTMENT"}
    source = town.account(customer, "9999999.00", **fields)
    destination = town.account(customer, None, **fields)
    with under_load(town.door, customer, source, destination) as load:
        for name in NAMES:
            under_way(load, 10)
            system.killed(name)
        under_way(load, 10)
    outcomes = load.outcomes
    assert outcomes.wrong == []
    assert outcomes.repeated, "a killed server leaves answers open"
    all_completed(system, customer, source, len(outcomes.payments))
    spent = outcomes.moved + len(outcomes.payments)
    assert Decimal(customer.balance(source)) == Decimal("9999999.00") - spent
    assert Decimal(customer.balance(destination)) == outcomes.moved
    assert total(customer, f"/api/transfers?account_id={source}") == outcomes.moved
    books_hold(system, town)


def under_way(load: Load, more: int) -> None:
    """Let the load go on for a while."""
    target = load.outcomes.moved + more
    eventually(lambda: load.outcomes.moved >= target or load.outcomes.wrong, "money moves")
