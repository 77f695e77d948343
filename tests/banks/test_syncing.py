"""Syncing over HTTP: history mirrored once, balances compared, payments matched, consents lost."""

import msgspec
import pytest

from ledger.identity import new_id
from tests.access.house import Caller, House
from tests.banks.outside import Customer, Outside
from tests.mailbox import Open


@pytest.fixture
def customer(outside: Outside) -> Customer:
    return outside.customer()


def told(outside: Outside, customer: Customer, amount: int, status: str = "posted") -> str:
    made = outside.sandbox.control(
        "POST", "/transactions", account_id=customer.external_account_id, amount=amount,
        description="Coffee", status=status,
    )  # fmt: skip
    return str(made["id"])


def news(outside: Outside, customer: Customer, connection_id: str) -> None:
    """Have the bank read again now, however recently that was done."""
    before = outside.connection(customer, connection_id)["last_sync_at"]
    outside.ask_by_schedule(connection_id)
    outside.until(
        lambda: outside.connection(customer, connection_id)["last_sync_at"] > before, "a sync"
    )


def test_what_happens_at_the_bank_is_mirrored_once(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    connection_id = outside.connected(customer)
    told(outside, customer, -250)
    pending = told(outside, customer, -300, "pending")
    news(outside, customer, connection_id)
    assert outside.account(customer)["balance"] == "997.50"
    rows = {each["external_id"]: each for each in outside.transactions(customer)}
    assert rows[pending]["status"] == "PENDING"
    outside.sandbox.control("POST", f"/transactions/{pending}/settle", amount=-320)
    news(outside, customer, connection_id)
    after = {each["external_id"]: each for each in outside.transactions(customer)}
    assert (after[pending]["id"], after[pending]["status"]) == (rows[pending]["id"], "POSTED")
    assert after[pending]["amount"] == "3.20"
    count = len(outside.transactions(customer))
    news(outside, customer, connection_id)
    assert len(outside.transactions(customer)) == count
    assert outside.account(customer)["balance"] == "994.30"
    account_id = outside.account(customer)["id"]
    outside.sandbox.control(
        "POST", f"/accounts/{customer.external_account_id}/balance", balance=90_000
    )
    news(outside, customer, connection_id)
    [found] = house.data(admin, "GET", f"/api/reconciliation?account_id={account_id}&status=open")
    assert (found["kind"], found["difference"]) == ("BALANCE", "-94.30")
    path = f"/api/reconciliation/{found['id']}/resolve"
    assert house.data(admin, "POST", path, {"note": "Fee", "adjust": True})["status"] == "RESOLVED"
    assert outside.account(customer)["balance"] == "900.00"


def test_a_payment_goes_out_and_is_not_imported(
    house: House, outside: Outside, customer: Customer
) -> None:
    connection_id = outside.connected(customer)
    asked = {
        "amount": "12.34",
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": f"Rent {new_id()}",
        "user_bank_account_id": outside.account(customer)["id"],
    }
    payment = house.data(customer.caller, "POST", "/api/payments", asked)
    assert payment["rail"] == "sandbox"
    path = f"/api/payments/{payment['id']}"
    done = house.data(customer.caller, "POST", f"{path}/process", headers={"prefer": "wait=15"})
    assert done["status"] == "COMPLETED"
    news(outside, customer, connection_id)
    assert outside.account(customer)["balance"] == "987.66"
    assert len([each for each in outside.transactions(customer) if each["type"] == "IMPORT"]) == 0


def test_two_syncs_in_a_moment_are_one_job(outside: Outside, house: House) -> None:
    customer = outside.customer()
    connection_id = outside.connected(customer)
    path = f"/api/bank-connections/{connection_id}/sync"
    first = house.ask(customer.caller, "POST", path, headers={"prefer": "wait=15"})
    assert first.status_code == 200, first.text
    again = house.ask(customer.caller, "POST", path, server=1)
    assert again.status_code == 202
    one, two = first.json()["data"], again.json()["data"]
    assert (one["job"]["id"], one["deduplicated"]) == (two["job"]["id"], False)
    assert two["deduplicated"] is True
    assert again.headers["location"] == f"/api/jobs/{two['job']['id']}"


def test_tokens_are_never_shown_and_a_lost_consent_ends_the_connection(
    outside: Outside, post: Open
) -> None:
    customer = outside.customer()
    connection_id = outside.connected(customer)
    outside.lose_consent(connection_id)
    outside.until(
        lambda: outside.connection(customer, connection_id)["status"] == "EXPIRED", "the end"
    )
    shown = outside.connection(customer, connection_id)
    assert shown["status_reason"] == "consent_expired"
    assert "token" not in msgspec.json.encode(shown).decode()
    [mail] = post.box.about(customer.caller.email, "bank connection has expired")
    assert f"your connection with the bank {outside.code} expired on" in mail.text
    assert "The consent you gave at your bank has ended." in mail.text
