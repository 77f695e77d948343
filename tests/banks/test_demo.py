"""The demo at its own bank: a first sync finds nothing new, and its people pay on that rail."""

import asyncio
import json
from typing import Any

import pytest

from ops.demo import ACCOUNTS, DemoAccount
from ops.verbs.database import seed
from tests.access.house import NOBODY, Caller, House
from tests.banks.outside import Customer, Outside

EACH = pytest.mark.parametrize("demo", ACCOUNTS, ids=lambda demo: demo.mirrored.username)


@pytest.fixture(scope="module")
def seeded(house: House) -> House:
    """Make the demo data while workers are awake."""
    assert asyncio.run(seed(house.settings, house.dsn)).commands > 25
    return house


def customer_of(house: House, demo: DemoAccount) -> Customer:
    asked = {"email": demo.owner.email, "password": demo.owner.password}
    data = house.data(NOBODY, "POST", "/api/auth/login", asked)
    caller = Caller(id=data["user"]["id"], bearer=data["access_token"])
    return Customer(caller, demo.mirrored.username, demo.mirrored.id)


def told(house: House, demo: DemoAccount, name: str) -> list[Any]:
    """Return what events of a name say of a connection."""
    rows = house.rows(TOLD, f"connection-{demo.connection_id}", name)
    return [json.loads(bytes(data))["data"] for (data,) in rows]


def discrepancies(house: House, auditor: Caller, account_id: str) -> list[Any]:
    found = house.data(auditor, "GET", "/api/reconciliation?limit=100")
    return [each for each in found if each["account_id"] == account_id]


def synced(outside: Outside, demo: DemoAccount, times: int) -> Any:
    """Wait for so many syncs; return what the last one came to."""
    outside.until(lambda: len(told(outside.house, demo, "SyncCompleted")) == times, "a sync")
    return told(outside.house, demo, "SyncCompleted")[-1]


@EACH
def test_the_bank_tells_nothing_new_and_pays_what_is_asked(
    seeded: House, outside: Outside, auditor: Caller, demo: DemoAccount
) -> None:
    customer = customer_of(seeded, demo)
    first = synced(outside, demo, 1)
    assert (first["accounts"], first["imported"], first["matched"]) == (1, 0, 0)
    connection = outside.connection(customer, demo.connection_id)
    assert (connection["status"], connection["scope"]) == ("ACTIVE", "read write")
    assert connection["username"] == demo.mirrored.username
    assert connection["last_sync_at"] is not None
    account = outside.account(customer)
    final = demo.mirrored.opening + sum(line.amount for line in demo.lines)
    assert (account["id"], account["balance"]) == (demo.account_id, f"{final // 100}.00")
    assert account["bank_connection_id"] == demo.connection_id
    assert len(outside.transactions(customer)) == 4

    payment_id = outside.started(customer, "7.25")
    path = f"/api/payments/{payment_id}"
    outside.until(
        lambda: seeded.data(customer.caller, "GET", path)["status"] == "COMPLETED", "the payment"
    )
    truth = outside.sandbox.control("GET", "/truth")["payments"]
    paid = [each["status"] for each in truth if each["account_id"] == demo.mirrored.id]
    assert paid == ["settled", "settled"]
    outside.ask_by_schedule(demo.connection_id)
    second = synced(outside, demo, 2)
    assert (second["imported"], second["matched"]) == (0, 1)
    assert discrepancies(seeded, auditor, demo.account_id) == []


def test_seeding_again_adds_nothing(seeded: House) -> None:
    assert asyncio.run(seed(seeded.settings, seeded.dsn)).commands == 0


TOLD = "SELECT data FROM log.events WHERE stream_id = %s AND name = %s ORDER BY position"
