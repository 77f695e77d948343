"""Bulks and corrections on a running deployment, a server killed in the middle (AC-48, 50, 51)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from ledger.identity import new_id
from tests.journeys.people import Ask, Person, Town
from tests.journeys.system import System
from tests.journeys.wire import reason_of

pytestmark = pytest.mark.timeout(300)
BULK = "/api/transfers/bulk"
SIZE, HALFWAY_SECONDS = 1_000, 0.15


def bulk(person: Person, source: str, destination: str, size: int, **headers: str) -> Ask:
    one = {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": "0.01",
        "description": "one of many",
    }
    return person.asks("POST", BULK, {"transfers": [one] * size}, **headers)


def count(person: Person, account: str) -> int:
    answer = person.ask("GET", f"/api/transfers?account_id={account}&page_size=1", server=1)
    return int(answer.json()["metadata"]["pagination"]["total_count"])


def sent(town: Town, ask: Ask) -> httpx2.Response | None:
    """Send a request to a server that may die over it."""
    try:
        return town.door.send(ask, server=0)
    except httpx2.TransportError:
        return None


def test_a_server_killed_over_a_bulk_leaves_all_or_none(
    system: System, town: Town, customer: Person
) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    warm = bulk(customer, source, destination, 1)
    assert town.door.send(warm, server=0).status_code == 201
    ask = bulk(customer, source, destination, SIZE, idempotency_key=new_id())
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(sent, town, ask)
        time.sleep(HALFWAY_SECONDS)
        system.killed("api-1")
        first = answer.result()
    made = count(customer, source) - 1
    assert made in {0, SIZE}
    assert first is None or made == SIZE
    again = town.door.send(ask, server=1)
    assert again.status_code == 201, again.text
    assert (again.headers.get("idempotent-replayed") == "true") is (made == SIZE)
    assert count(customer, source) == SIZE + 1
    assert customer.balance(source) == "989.99"
    assert customer.balance(destination) == "10.01"


def test_an_exchange_and_its_reversal_leave_the_books_in_balance(
    town: Town, customer: Person
) -> None:
    dollars, yen = town.account(customer), town.account(customer, None, currency="JPY")
    pair = {"source_currency": "USD", "destination_currency": "JPY", "source_amount": "12.34"}
    quote = customer.made("/api/fx/quotes", pair)
    asked = customer.transfer(dollars, yen, "12.34")
    body: dict[str, Any] = {**asked.body, "fx_quote_id": quote["id"]}
    moved = customer.made("/api/transfers", body)
    assert customer.balance(yen) == quote["destination_amount"]
    undo = town.admin.asks(
        "POST", f"/api/postings/{moved['posting_id']}/reverse", {"reason": "never wanted"}
    )
    answers = town.door.race([undo] * 10)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    losers = {reason_of(answer) for answer in answers if answer.status_code == 409}
    assert losers == {"posting_already_reversed"}
    assert (customer.balance(dollars), customer.balance(yen)) == ("1000.00", "0")
    town.books_balance()
