"""Holds of clients on a whole deployment: captured, released, raced for, over in time (AC-49)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from ledger.commands.command import Command, Context
from ledger.commands.hold import PlaceClientHold
from ledger.events.event import Private
from ledger.events.recorded import Actor
from ledger.identity import new_id
from ops.composition import open_books
from ops.settings import read_settings
from tests.journeys.people import Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of

WAYS_TO_END: list[tuple[str, Any]] = [("capture", {}), ("release", None)]


def place(person: Person, account: str, amount: str = "300.00", **fields: Any) -> dict[str, Any]:
    body = {"account_id": account, "amount": amount, "description": "a car"} | fields
    return dict(person.made("/api/holds", body))


def figures(person: Person, account: str, server: int = 1) -> tuple[str, str, str]:
    found = person.get(f"/api/accounts/{account}", server=server)
    return found["balance"], found["held"], found["available"]


def test_a_hold_is_placed_captured_in_parts_and_seen_by_everybody(
    town: Town, customer: Person
) -> None:
    account, shop = town.account(customer), town.account(town.customer(), None)
    hold = place(customer, account, destination_account_id=shop)
    assert figures(customer, account) == ("1000.00", "300.00", "700.00")
    path = f"/api/holds/{hold['id']}"
    answer = customer.ask("GET", path, server=1)
    assert answer.json()["data"] == hold
    assert answer.headers["etag"] == '"1"'

    part = customer.made(f"{path}/capture", {"amount": "120.00", "final": False}, server=1)
    assert figures(customer, account) == ("880.00", "180.00", "700.00")
    assert customer.get(path) == part["hold"]
    over = customer.ask("POST", f"{path}/capture", {"amount": "180.01"})
    assert reason_of(over) == "hold_amount_exceeded"
    rest = customer.made(f"{path}/capture", {"amount": "100.00"})
    assert (rest["hold"]["status"], rest["hold"]["remaining_amount"]) == ("CAPTURED", "0.00")
    assert customer.get(path, server=1) == rest["hold"]
    assert figures(customer, account) == ("780.00", "0.00", "780.00")
    lines = customer.get(f"/api/accounts/{account}/transactions?type=TRANSFER", server=1)
    assert [line["posting_id"] for line in lines] == [
        each["posting"]["id"] for each in (rest, part)
    ]
    again = customer.ask("POST", f"{path}/capture", {})
    assert reason_of(again) == "hold_not_active"

    other = place(customer, account, "10.00")
    listed = customer.get(f"/api/accounts/{account}/holds", server=1)
    assert [each["id"] for each in listed] == [other["id"], hold["id"]]
    [active] = customer.get(f"/api/accounts/{account}/holds?status=active")
    assert active == other
    released = customer.made(f"/api/holds/{other['id']}/release")
    assert customer.get(f"/api/holds/{other['id']}", server=1) == released
    town.books_balance()


def test_who_may_do_what_with_a_hold(town: Town, customer: Person) -> None:
    account, stranger = town.account(customer), town.customer()
    mine = {"account_id": account, "amount": "1.00", "description": "x"}
    assert reason_of(stranger.ask("POST", "/api/holds", mine)) == "unauthorized_access"
    assert reason_of(town.support.ask("POST", "/api/holds", mine)) == "unauthorized_access"
    hold = f"/api/holds/{place(customer, account)['id']}"
    to = {"destination_account_id": town.account(stranger, None)}
    for person in (stranger, town.support, town.auditor):
        denied = person.ask("POST", f"{hold}/capture", to)
        assert reason_of(denied) == "insufficient_permissions"
    assert reason_of(stranger.ask("GET", hold)) == "unauthorized_access"
    assert reason_of(stranger.ask("GET", f"/api/accounts/{account}/holds")) == (
        "unauthorized_access"
    )
    assert town.auditor.get(hold)["status"] == "ACTIVE"
    assert town.support.made(f"{hold}/release")["status"] == "RELEASED"
    assert reason_of(customer.ask("GET", f"/api/holds/{new_id()}")) == "hold_not_found"
    assert reason_of(customer.ask("POST", f"/api/holds/{new_id()}/release")) == "hold_not_found"


def test_the_hold_of_a_payment_is_read_and_left_alone(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    payment = customer.payment(account)["id"]
    with system.paused("worker-1", "worker-2"):
        customer.made(f"/api/payments/{payment}/process")
        hold = customer.get(f"/api/holds/{payment}", server=1)
        assert (hold["purpose"], hold["status"], hold["payment_id"]) == (
            "PAYMENT",
            "ACTIVE",
            payment,
        )
        assert hold["expires_at"] is None
        for person in (customer, town.admin):
            for command, body in WAYS_TO_END:
                denied = person.ask("POST", f"/api/holds/{payment}/{command}", body)
                assert reason_of(denied) == "insufficient_permissions"


def test_twenty_race_for_a_hold_and_one_wins(town: Town, customer: Person) -> None:
    account, shop = town.account(customer), town.account(town.customer(), None)
    hold = place(customer, account, destination_account_id=shop)["id"]
    asks = [
        customer.asks("POST", f"/api/holds/{hold}/{command}", body)
        for command, body in WAYS_TO_END * 10
    ]
    answers = town.door.race(asks)
    [won] = [number for number, answer in enumerate(answers) if answer.is_success]
    losers = [answer for answer in answers if not answer.is_success]
    assert {reason_of(answer) for answer in losers} == {"hold_not_active"}
    captured = won % 2 == 0
    assert figures(customer, account) == (
        ("700.00", "0.00", "700.00") if captured else ("1000.00", "0.00", "1000.00")
    )


def handed_in(system: System, person: Person, commands: Sequence[Command]) -> None:
    """Hand commands in from a process of its own, as any other server would."""

    async def hand_in() -> None:
        dsn = system.environment["DATABASE_URL"]
        settings = read_settings(system.environment)
        context = Context(
            actor=Actor(type="user", id=person.id, role="user"), correlation_id="req_test"
        )
        async with open_books(settings, dsn) as books:
            for command in commands:
                await books.ledger.handle(command, context)

    asyncio.run(hand_in())


def test_a_hold_is_over_in_time_though_the_scheduler_stands_still(
    system: System, town: Town, customer: Person
) -> None:
    account, other = town.account(customer), town.account(customer, "50.00")
    hold_id, text = new_id(), Private("soon over", customer.id)
    soon = PlaceClientHold(
        hold_id=hold_id,
        account_id=account,
        amount="900.00",
        currency=None,
        description=text,
        destination_account_id=other,
        expires_in_seconds=2,
    )
    with system.paused("scheduler"):
        handed_in(system, customer, [soon])
        path = f"/api/accounts/{account}"
        before = customer.ask("GET", path)
        assert before.json()["data"]["available"] == "100.00"
        eventually(
            lambda: figures(customer, account)[2] == "1000.00", "the hold is over", seconds=10
        )
        etag = before.headers["etag"]
        assert customer.ask("GET", path, if_none_match=etag).status_code == 200
        hold = customer.get(f"/api/holds/{hold_id}")
        assert (hold["status"], hold["remaining_amount"], hold["version"]) == ("EXPIRED", "0.00", 2)
        assert "HoldExpired" not in happened(system, account)
        assert customer.get(f"/api/accounts/{account}/holds?status=EXPIRED", server=1) == [hold]
        body = {"source_account_id": account, "destination_account_id": other}
        moved = customer.made("/api/transfers", body | {"amount": "950.00", "description": "x"})
        assert moved["status"] == "POSTED"
        late = customer.ask("POST", f"/api/holds/{hold_id}/capture", {})
        assert reason_of(late) == "hold_not_active"
        assert happened(system, account).count("HoldExpired") == 1
        kept = {name: value for name, value in hold.items() if name != "updated_at"}
        assert kept.items() <= customer.get(f"/api/holds/{hold_id}").items()
        handed_in(system, customer, [replaced(soon, hold_id=new_id(), amount="10.00")])
    eventually(
        lambda: happened(system, account).count("HoldExpired") == 2,
        "the end is recorded",
        seconds=30,
    )


def replaced(command: PlaceClientHold, **fields: Any) -> PlaceClientHold:
    return msgspec.structs.replace(command, **fields)


def happened(system: System, account: str) -> list[str]:
    """Return the names of the events of an account."""
    names = "SELECT name FROM log.events WHERE stream_id = %s ORDER BY version"
    return [name for (name,) in system.rows(names, f"account-{account}")]
