"""Webhooks over HTTP: signed by the raw body, of now, taken once, with real effects."""

import hashlib
import hmac
import time
from typing import Any

import httpx2
import msgspec
import pytest

from ledger.identity import new_id
from tests.access.house import Caller, House
from tests.banks.conftest import SECRETS
from tests.banks.outside import Customer, Outside

PATHS = {
    "payments": "/api/webhooks/payments/status",
    "banks": "/api/webhooks/banks/sync",
    "fraud": "/api/webhooks/fraud/detection",
}
KEYS = {
    "payments": SECRETS["PAYMENT_WEBHOOK_SECRET"],
    "banks": SECRETS["BANK_WEBHOOK_SECRET"],
    "fraud": SECRETS["FRAUD_WEBHOOK_SECRET"],
}


def send(  # everything about a message can be wrong
    house: House,
    kind: str,
    body: dict[str, Any],
    *,
    path: str | None = None,
    secret: str | None = None,
    age: int | None = None,
    tampered: bool = False,
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    content = msgspec.json.encode(body)
    key = (secret or KEYS[kind]).encode()
    if age is None:
        signature = "sha256=" + hmac.new(key, content, hashlib.sha256).hexdigest()
    else:
        moment = int(time.time()) - age
        mac = hmac.new(key, f"{moment}.".encode() + content, hashlib.sha256).hexdigest()
        signature = f"t={moment},v1={mac}"
    sent = {"content-type": "application/json", "x-webhook-signature": signature}
    content += b" " if tampered else b""
    return house.clients[1].post(
        path or PATHS[kind], content=content, headers=sent | (headers or {})
    )


def payment(house: House, outside: Outside, customer: Customer, amount: str = "5.00") -> str:
    asked = {
        "amount": amount,
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": f"Rent {new_id()}",
        "user_bank_account_id": outside.account(customer)["id"],
    }
    return str(house.data(customer.caller, "POST", "/api/payments", asked)["id"])


@pytest.fixture(scope="module")
def customer(outside: Outside) -> Customer:
    found = outside.customer()
    outside.connected(found)
    return found


def state(house: House, customer: Customer, payment_id: str) -> Any:
    return house.data(customer.caller, "GET", f"/api/payments/{payment_id}")


def test_a_status_moves_a_payment_once(house: House, outside: Outside, customer: Customer) -> None:
    payment_id = payment(house, outside, customer)
    body = {"payment_id": payment_id, "status": "completed", "amount": "5.00", "event_id": "e1"}
    first = send(house, "payments", body)
    assert first.status_code == 200, first.text
    told = first.json()["data"]
    assert (told["result"], told["status"], told["duplicate"]) == ("applied", "COMPLETED", False)
    shown = state(house, customer, payment_id)
    assert (shown["status"], shown["rail"]) == ("COMPLETED", "sandbox")
    again = send(house, "payments", body, path="/api/webhooks/payments").json()["data"]
    assert (again["result"], again["duplicate"]) == ("applied", True)
    assert state(house, customer, payment_id) == shown


def test_another_amount_and_a_late_settlement_are_discrepancies(
    house: House, outside: Outside, customer: Customer, admin: Caller
) -> None:
    payment_id = payment(house, outside, customer)
    body = {"payment_id": payment_id, "status": "completed", "amount": "6.00"}
    wrong = send(house, "payments", body, age=0)
    assert (wrong.status_code, wrong.json()["reason"]) == (400, "webhook_processing_failed")
    assert state(house, customer, payment_id)["status"] == "PENDING"
    assert send(house, "payments", {**body, "status": "cancelled", "amount": "5.00"}).is_success
    late = send(house, "payments", {**body, "amount": "5.00"}, age=1)
    assert late.json()["data"]["result"] == "conflict"
    account_id = outside.account(customer)["id"]
    path = f"/api/reconciliation?account_id={account_id}&sort=found_at:asc"
    found = [each for each in house.data(admin, "GET", path) if each["payment_id"] == payment_id]
    assert [each["kind"] for each in found] == ["AMOUNT_MISMATCH", "LATE_SETTLEMENT"]
    assert (found[0]["ledger_amount"], found[0]["reported_amount"]) == ("5.00", "6.00")
    assert found[0]["difference"] == "1.00"
    resolved = house.ask(
        admin, "POST", f"/api/reconciliation/{found[1]['id']}/resolve", {"note": "Asked them"}
    )
    assert resolved.json()["data"]["status"] == "RESOLVED"
    adjusting = {"note": "Cannot be", "adjust": True}
    refused = house.ask(admin, "POST", f"/api/reconciliation/{found[0]['id']}/resolve", adjusting)
    assert (refused.status_code, refused.json()["reason"]) == (422, "reversal_not_allowed")


def test_news_of_a_bank_ask_for_a_sync(house: House, outside: Outside, customer: Customer) -> None:
    body = {"user_id": customer.caller.id, "bank_id": outside.bank, "accounts_synced": 1}
    told = send(house, "banks", {**body, "event_id": "n1"}).json()["data"]
    [job_id] = told["jobs"]
    again = send(house, "banks", {**body, "event_id": "n1"}).json()["data"]
    assert (again["jobs"], again["duplicate"]) == ([job_id], True)
    done = "SELECT state FROM work.jobs WHERE id = %s"
    outside.until(lambda: house.rows(done, job_id) == [("completed",)], "the sync")


def test_a_grave_suspicion_freezes(house: House, outside: Outside) -> None:
    victim = outside.customer()
    outside.connected(victim)
    waits = payment(house, outside, victim)
    body = {"severity": "high", "risk_score": 97, "recommended_action": "block"}
    told = send(house, "fraud", {**body, "payment_id": waits}).json()["data"]
    assert told["action_taken"] == "payment_cancelled"
    assert state(house, victim, waits)["status"] == "CANCELLED"
    low = {**body, "severity": "low", "payment_id": waits}
    assert send(house, "fraud", low).json()["data"]["action_taken"] == "recorded"
    over = {**body, "severity": "critical", "payment_id": waits}
    told = send(house, "fraud", over, path="/api/webhooks/fraud").json()["data"]
    assert told["action_taken"] == "account_frozen"
    account = outside.account(victim)
    assert (account["status"], account["status_reason"]) == ("FROZEN", "fraud")


@pytest.mark.parametrize("kind", PATHS)
def test_what_is_not_proven_or_not_of_now_is_refused(house: House, kind: str) -> None:
    body = {"payment_id": new_id(), "event_id": new_id()}
    unauthorized = (401, "unauthorized")
    for wrong in (
        send(house, kind, body, tampered=True),
        send(house, kind, body, secret="not the secret of anybody"),
        send(house, kind, body, headers={"x-webhook-signature": ""}),
        send(house, kind, body, age=360),
        send(house, kind, {**body, "timestamp": int(time.time()) - 360}),
        send(house, kind, body, headers={"x-webhook-provider": "acme"}),
        send(house, kind, body, path="/api/webhooks/acme"),
    ):
        assert (wrong.status_code, wrong.json()["reason"]) == unauthorized
    missing = send(house, kind, {"event_id": new_id()})
    assert (missing.status_code, missing.json()["reason"]) == (400, "webhook_processing_failed")
    assert len(missing.json()["details"]["missing"]) == 3


def test_messages_about_nothing_are_refused(house: House, outside: Outside) -> None:
    body = {"payment_id": new_id(), "status": "completed", "amount": "1.00"}
    unknown = send(house, "payments", body)
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "payment_not_found")
    news = {"user_id": new_id(), "bank_id": outside.bank, "accounts_synced": 0}
    unknown = send(house, "banks", news)
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "user_not_found")


def test_the_messages_that_are_taken_are_listed(house: House) -> None:
    listed = house.clients[0].get("/api/webhooks").json()["data"]
    assert listed["total_count"] == 3
    assert [each["endpoint"] for each in listed["webhooks"]] == list(PATHS.values())
