"""What happens at outside banks is told: on streams, and to the programs of customers and staff."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.house import Caller, House
from tests.banks.outside import Outside
from tests.journeys.listening import Heard, listening_at
from tests.journeys.receiver import Receiver, receiving

PATH = "/api/webhook-endpoints"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def told(receiver: Receiver) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in receiver.letters:
        found.setdefault(each.told["type"], []).append(each.told["data"])
    return found


def ended(heard: list[Heard]) -> list[tuple[str, str | None]]:
    return [
        (each.data["status"], each.data["status_reason"])
        for each in heard
        if each.event == "connection_notification"
    ]


def test_a_connection_is_told_of_from_its_consent_to_its_end(
    house: House, outside: Outside, receiver: Receiver
) -> None:
    customer = outside.customer()
    house.data(customer.caller, "POST", PATH, {"url": receiver.url, "event_types": ["*"]})
    url = f"{house.clients[1].base_url}/api/stream"
    with (
        listening_at(url, f"Bearer {customer.caller.bearer}") as own,
        listening_at(url, f"Bearer {house.customer().bearer}") as stranger,
    ):
        connection_id = outside.connected(customer)
        [synced] = own.until("account_sync_completed")
        assert (synced.data["connection_id"], synced.data["accounts_synced"]) == (connection_id, 1)
        assert synced.data["sync_completed_at"] == synced.data["timestamp"]
        fail(outside, connection_id, receiver)
        revoked = house.ask(
            customer.caller, "DELETE", f"/api/bank-connections/{connection_id}",
            headers={"prefer": "wait=15"},
        )  # fmt: skip
        assert revoked.is_success, revoked.text
        own.until("connection_notification", 4)
        assert stranger.heard == []
    assert [status for status, _ in ended(own.heard)] == ["ACTIVE", "ERROR", "ACTIVE", "REVOKED"]
    receiver.of("connection.revoked")
    data = told(receiver)
    assert [each["status"] for each in data["connection.authorised"]] == ["ACTIVE"]
    assert [each["status"] for each in data["connection.failed"]] == ["ERROR"]
    assert [each["status"] for each in data["connection.revoked"]] == ["REVOKED"]
    assert [each["id"] for each in data["sync.completed"]] == [connection_id] * 2
    assert data["sync.completed"][0]["username"] == customer.username
    assert {"account.opened", "account.updated"} <= data.keys()


def fail(outside: Outside, connection_id: str, receiver: Receiver) -> None:
    """Let one sync come to nothing, and the next one to an end. No breaker minds an objection."""
    outside.sandbox.fault("http_error", match={"method": "GET"}, times=0, status=400)
    try:
        outside.ask_by_schedule(connection_id)
        receiver.of("connection.failed")
    finally:
        outside.sandbox.control("DELETE", "/faults")
    outside.ask_by_schedule(connection_id)
    receiver.of("sync.completed", 2)


def test_a_discrepancy_is_for_readers(
    house: House, outside: Outside, admin: Caller, receiver: Receiver
) -> None:
    customer = outside.customer()
    body = {"url": receiver.url, "event_types": ["reconciliation.discrepancy_found"]}
    house.data(admin, "POST", PATH, body | {"scope": "all"})
    with receiving() as unheard:
        own = {"url": unheard.url, "event_types": ["*"]}
        house.data(customer.caller, "POST", PATH, own)
        connection_id = outside.connected(customer)
        url = f"{house.clients[0].base_url}/api/stream?types=discrepancy_found"
        with (
            listening_at(url, f"Bearer {admin.bearer}") as staff,
            listening_at(url, f"Bearer {customer.caller.bearer}") as theirs,
        ):
            outside.sandbox.control(
                "POST", f"/accounts/{customer.external_account_id}/balance", balance=90_000
            )
            outside.ask_by_schedule(connection_id)
            [heard] = staff.until("discrepancy_found")
            [letter] = receiver.of("reconciliation.discrepancy_found")
            unheard.of("sync.completed", 2)
            assert theirs.heard == []
        found = letter.told["data"]
        assert (heard.data["id"], heard.data["kind"]) == (found["id"], "BALANCE")
        assert (found["status"], found["difference"]) == ("OPEN", "-100.00")
        assert found["connection_id"] == connection_id
        assert "reconciliation.discrepancy_found" not in told(unheard)


def test_the_end_of_a_consent_is_told(house: House, outside: Outside, receiver: Receiver) -> None:
    customer = outside.customer()
    body = {"url": receiver.url, "event_types": ["connection.expired"]}
    house.data(customer.caller, "POST", PATH, body)
    connection_id = outside.connected(customer)
    outside.lose_consent(connection_id)
    [letter] = receiver.of("connection.expired")
    assert letter.told["data"]["status_reason"] == "consent_expired"
