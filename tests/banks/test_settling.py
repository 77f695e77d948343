"""A rail that settles later: the bank tells by webhook how a payment ended, signed, whenever."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.access.house import Caller, House
from tests.banks.conftest import SECRETS
from tests.banks.outside import Customer, Outside

WRONG: tuple[dict[str, Any], ...] = ({"tamper": True}, {"age_seconds": 360}, {"signature": "none"})


@pytest.fixture(scope="module")
def customer(house: House, outside: Outside) -> Iterator[Customer]:
    """Give a customer of a bank that settles later and tells us."""
    found = outside.customer()
    outside.connected(found)
    told = {
        "webhook_url": str(house.clients[1].base_url),
        "webhook_secret": SECRETS["PAYMENT_WEBHOOK_SECRET"],
    }
    outside.sandbox.control("PUT", "/settings", settlement="deferred", **told)
    yield found
    outside.sandbox.control("PUT", "/settings", settlement="instant", webhook_url=None)


def accepted(outside: Outside, customer: Customer, amount: str) -> str:
    """Send a payment out, and see the bank take it."""
    payment_id = outside.started(customer, amount)
    outside.until(lambda: known(outside, payment_id) == ["accepted"], "the bank's yes")
    return payment_id


def known(outside: Outside, payment_id: str) -> list[str]:
    told = outside.sandbox.control("GET", "/truth")["payments"]
    return [each["status"] for each in told if each["payment_id"] == payment_id]


def state(house: House, customer: Customer, payment_id: str) -> Any:
    return house.data(customer.caller, "GET", f"/api/payments/{payment_id}", server=1)


def test_a_payment_under_way_is_completed_by_the_banks_word(
    house: House, outside: Outside, customer: Customer
) -> None:
    payment_id = accepted(outside, customer, "21.00")
    before = outside.account(customer)
    outside.sandbox.control("POST", f"/payments/{payment_id}/settle")
    assert state(house, customer, payment_id)["status"] == "COMPLETED"
    after = outside.account(customer)
    assert (before["held"], after["held"]) == ("21.00", "0.00")
    assert Decimal(before["balance"]) - Decimal(after["balance"]) == 21
    lines = [each for each in outside.transactions(customer) if each["payment_id"] == payment_id]
    assert len(lines) == 1


def test_a_payment_the_bank_gave_up_has_failed_and_a_settlement_after_that_is_late(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    balance = outside.account(customer)["balance"]
    payment_id = accepted(outside, customer, "22.00")
    outside.sandbox.control("POST", f"/payments/{payment_id}/fail")
    failed = state(house, customer, payment_id)
    assert (failed["status"], failed["failure_reason"]) == ("FAILED", "payment_declined")
    body = {"payment_id": payment_id, "status": "completed", "amount": "22.00", "currency": "USD"}
    sent = outside.sandbox.control("POST", "/webhooks/send", kind="payments", body=body, repeat=2)
    assert [each["status"] for each in sent["webhooks"]] == [200, 200]
    assert state(house, customer, payment_id) == failed
    after = outside.account(customer)
    assert (after["balance"], after["held"]) == (balance, "0.00")
    path = f"/api/reconciliation?kind=LATE_SETTLEMENT&account_id={after['id']}"
    found = [each["payment_id"] for each in house.data(admin, "GET", path)]
    assert found == [payment_id]


def test_what_the_bank_did_not_sign_now_changes_nothing(
    house: House, outside: Outside, customer: Customer
) -> None:
    payment_id = accepted(outside, customer, "23.00")
    body = {"payment_id": payment_id, "status": "completed", "amount": "23.00"}
    for wrong in WRONG:
        sent = outside.sandbox.control(
            "POST", "/webhooks/send", kind="payments", body=body, **wrong
        )
        assert [each["status"] for each in sent["webhooks"]] == [401]
    assert state(house, customer, payment_id)["status"] == "PROCESSING"
    outside.sandbox.control("POST", f"/payments/{payment_id}/settle")
    assert state(house, customer, payment_id)["status"] == "COMPLETED"
