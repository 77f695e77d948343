"""Conventions of the wire: stories, money, versions, fresh reads (AC-16, 17, 18, 21)."""

import asyncio
import re
import time
from collections import Counter
from decimal import Decimal

import httpx2
import msgspec
import pytest

from ledger.identity import new_id
from tests.journeys.people import Door, Person, Town, is_behind, payment_body
from tests.journeys.system import System, eventually
from tests.journeys.wire import problem_of, reason_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_story_keeps_its_id_down_to_its_events(
    system: System, town: Town, customer: Person
) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    story = f"story-{new_id()}"
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    ask = customer.transfer(source, destination, "1.00", x_correlation_id=story, traceparent=parent)
    answer = town.door.send(ask)
    assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"] == story
    version, trace, span, flags = answer.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != "00f067aa0ba902b7"
    stream = f"transfer-{answer.json()['data']['id']}"
    [booked] = system.ledgerbank("--json", "events", "list", "--stream", stream).json()
    assert booked["correlation_id"] == story
    assert booked["position"] <= int(answer.headers["ledger-position"])


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, "a/b"])
def test_a_story_without_a_proper_id_gets_one(
    door: Door, customer: Person, sent: str | None
) -> None:
    ask = customer.asks("GET", "/api/profile")
    headers = {} if sent is None else {"x-correlation-id": sent}
    answer = door.send(msgspec.structs.replace(ask, headers=ask.headers | headers))
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-correlation-id"])


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0.001", "amount_too_small"),
        ("1.001", "invalid_amount_format"),
        ("1e2", "invalid_amount_format"),
        (" 1", "invalid_amount_format"),
        ("+1", "invalid_amount_format"),
        ("1,00", "invalid_amount_format"),
        ("Infinity", "invalid_amount_format"),
        ("01", "invalid_amount_format"),
        ("1.", "invalid_amount_format"),
        ("1" * 16, "invalid_amount_format"),
        (1, "invalid_amount_format"),
        (1.5, "invalid_amount_format"),
        (True, "invalid_amount_format"),
        ("", "missing_fields"),
        (None, "missing_fields"),
        ("0", "negative_amount"),
        ("0.00", "negative_amount"),
        ("-1", "negative_amount"),
    ],
)
def test_money_is_a_plain_decimal_string(
    town: Town, customer: Person, amount: object, reason: str
) -> None:
    account = town.account(customer)
    body = payment_body(account) | {"amount": amount}
    assert reason_of(customer.ask("POST", "/api/payments", body)) == reason
    moved = {
        "source_account_id": account,
        "destination_account_id": town.account(customer, None),
        "amount": amount,
        "description": "moved",
    }
    assert reason_of(customer.ask("POST", "/api/transfers", moved)) == reason


def test_money_comes_back_with_the_decimals_of_its_currency(town: Town, customer: Person) -> None:
    cases = [("USD", "0.01", "0.01"), ("USD", "100.5", "100.50"), ("USD", "100", "100.00"),
             ("JPY", "100", "100"), ("BHD", "1.5", "1.500")]  # fmt: skip
    for currency, sent, shown in cases:
        account = town.account(customer, "500", currency=currency)
        assert customer.payment(account, sent)["amount"] == shown
    yen = town.account(customer, "500", currency="JPY")
    answer = customer.ask("POST", "/api/payments", payment_body(yen, "100.5"))
    assert reason_of(answer) == "invalid_amount_format"
    assert customer.balance(yen) == "500"


def test_a_version_is_an_etag(town: Town, customer: Person) -> None:
    account = town.account(customer)
    payment = customer.payment(account)["id"]
    moved = town.door.send(customer.transfer(account, town.account(customer, None), "1.00"))
    transfer = moved.json()["data"]["id"]
    for path in (
        "/api/profile",
        f"/api/accounts/{account}",
        f"/api/payments/{payment}",
        f"/api/transfers/{transfer}",
    ):
        answer = customer.ask("GET", path, server=1)
        assert answer.headers["etag"] == f'"{answer.json()["data"]["version"]}"'
        same = customer.ask("GET", path, if_none_match=answer.headers["etag"])
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == answer.headers["etag"]
        assert customer.ask("GET", path, if_none_match='"99"').status_code == 200


def test_a_stale_version_changes_nothing(town: Town, customer: Person) -> None:
    account = town.account(customer)
    payment = customer.payment(account)
    path, version = f"/api/payments/{payment['id']}", payment["version"]
    for stale in (f'"{version + 1}"', f'W/"{version}"', "garbage"):
        for ask in (("DELETE", path), ("POST", f"{path}/process")):
            answer = customer.ask(*ask, if_match=stale)
            assert problem_of(answer)["details"]["current_version"] == version
            assert reason_of(answer) == "version_conflict"
    assert customer.get(path, server=1) == payment
    changed = customer.ask("DELETE", path, if_match=f'"7", "{version}"')
    assert changed.status_code == 200
    assert changed.headers["etag"] == f'"{version + 1}"'


def test_of_twenty_with_one_version_one_wins(town: Town, customer: Person) -> None:
    payment = customer.payment(town.account(customer))
    tag = f'"{payment["version"]}"'
    path = f"/api/payments/{payment['id']}"
    answers = town.door.race([customer.asks("DELETE", path, if_match=tag)] * 20)
    outcomes = Counter("won" if each.is_success else reason_of(each) for each in answers)
    assert outcomes == {"won": 1, "version_conflict": 19}


LANES, ROUNDS = 8, 125


def test_a_thousand_times_the_other_server_shows_what_was_just_done(
    town: Town, customer: Person
) -> None:
    pairs = [(town.account(customer, "125.00"), town.account(customer, None))
             for _ in range(LANES)]  # fmt: skip

    async def lane(here: httpx2.AsyncClient, there: httpx2.AsyncClient, lane: int) -> None:
        source, destination = pairs[lane]
        for number in range(1, ROUNDS + 1):
            ask = customer.transfer(source, destination, "1.00")
            made = await here.request(**ask.content())
            assert made.status_code == 201, made.text
            look = customer.asks("GET", f"/api/accounts/{destination}/balance").content()
            while is_behind(seen := await there.request(**look)):
                continue
            assert seen.status_code == 200, seen.text
            assert seen.json()["data"]["balance"] == str(Decimal(number).quantize(Decimal("0.01")))
            assert int(seen.headers["ledger-position"]) >= int(made.headers["ledger-position"])

    async def all_lanes() -> None:
        async with (
            httpx2.AsyncClient(base_url=town.door.urls[0], timeout=60) as one,
            httpx2.AsyncClient(base_url=town.door.urls[1], timeout=60) as two,
        ):
            servers = ((one, two), (two, one))
            await asyncio.gather(*(lane(*servers[n % 2], n) for n in range(LANES)))

    asyncio.run(all_lanes())


def test_a_reader_may_wait_or_not_when_projections_stand_still(
    system: System, town: Town, customer: Person
) -> None:
    account, other = town.account(customer), town.account(customer, None)
    path = f"/api/accounts/{account}/balance"
    assert customer.balance(account) == "1000.00"
    with system.paused("projections"):
        moved = town.door.send(customer.transfer(account, other, "1.00"))
        position = moved.headers["ledger-position"]
        began = time.monotonic()
        behind = customer.ask("GET", path, server=1, ledger_position=position)
        assert time.monotonic() - began >= 1.5
        assert reason_of(behind) == "projection_lagging"
        eager = customer.ask("GET", path, server=1, ledger_consistency="eventual")
        assert eager.json()["data"]["balance"] == "1000.00"
        assert int(eager.headers["ledger-position"]) < int(position)
    eventually(
        lambda: customer.ask("GET", path, server=1, ledger_position=position).is_success,
        "projections catch up",
    )
    assert customer.balance(account) == "999.00"


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "999999999999", "9" * 30])
def test_a_position_that_cannot_be_is_refused_at_once(customer: Person, position: str) -> None:
    answer = customer.ask("GET", "/api/profile", ledger_position=position)
    assert reason_of(answer) == "invalid_position"


def test_a_key_tells_what_became_of_it(town: Town, customer: Person) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    key, poor = new_id(), new_id()
    ask = customer.transfer(source, destination, "1.00", idempotency_key=key)
    assert town.door.send(ask).status_code == 201
    found = customer.get(f"/api/idempotency/{key}", server=1)
    assert (found["outcome"], found["status"], found["replays"]) == ("accepted", 201, 0)
    assert (found["scope"], found["last_replayed_at"]) == (f"user:{customer.id}", None)
    assert {"TransferBooked", "PostingBooked"} <= set(found["events"])
    assert found["position"] > 0
    for server in (0, 1):
        assert town.door.send(ask, server).headers["idempotent-replayed"] == "true"
    found = customer.get(f"/api/idempotency/{key}")
    assert found["replays"] == 2
    assert found["first_requested_at"] < found["last_replayed_at"]
    town.door.send(customer.transfer(source, destination, "5000.00", idempotency_key=poor))
    found = customer.get(f"/api/idempotency/{poor}")
    assert (found["outcome"], found["status"]) == ("refused", 422)
    assert (found["reason"], found["position"]) == ("insufficient_funds", None)
    answer = town.admin.ask("GET", f"/api/idempotency/{key}")
    assert reason_of(answer) == "resource_not_found"
