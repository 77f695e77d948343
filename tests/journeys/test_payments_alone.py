"""Payments that nobody watches: strangers kept out, starts in the background (AC-54, 56, 60-63)."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ledger.identity import derived_id
from ledger.times import utc_text
from tests.journeys.people import Person, Town, payment_body
from tests.journeys.system import System, eventually
from tests.journeys.test_payments import ended, process
from tests.journeys.wire import problem_of, reason_of

EVERYTHING = ("scheduler", "worker-1", "worker-2", "projections", "api-1", "api-2")


def in_seconds(seconds: int) -> str:
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds))


def dead_letters(system: System, payment: str) -> list[tuple[Any, ...]]:
    query = "SELECT actor, reason, attempts FROM work.dead_letters WHERE subject_id = %s"
    return system.rows(query, payment)


def test_a_stranger_learns_and_moves_nothing(town: Town, customer: Person) -> None:
    account, stranger = town.account(customer, "777.00"), town.customer()
    payment = customer.payment(account)["id"]
    before = town.auditor.get("/api/ledger/trial-balance")
    path = f"/api/payments/{payment}"
    tries = [
        ("POST", "/api/payments", payment_body(account), "unauthorized_access"),
        ("POST", "/api/payments/validate", payment_body(account), "unauthorized_access"),
        ("POST", f"{path}/process", None, "insufficient_permissions"),
        ("PUT", path, {"description": "mine"}, "insufficient_permissions"),
        ("DELETE", path, None, "insufficient_permissions"),
        ("GET", path, None, "insufficient_permissions"),
        ("GET", f"{path}/status", None, "insufficient_permissions"),
    ]
    for method, target, body, reason in tries:
        answer = stranger.ask(method, target, body, server=1)
        assert reason_of(answer) == reason, (method, target)
        assert "777.00" not in answer.text
        assert "available" not in problem_of(answer)["details"]
    assert town.auditor.get("/api/ledger/trial-balance") == before
    assert customer.get(f"/api/payments/{payment}")["version"] == 1
    assert customer.balance(account) == "777.00"


def test_what_a_payment_says_is_edited_until_it_starts(town: Town, customer: Person) -> None:
    account = town.account(customer)
    payment = customer.payment(account)["id"]
    path = f"/api/payments/{payment}"
    edited = customer.ask("PUT", path, {"description": "books", "reference": "INV-1"})
    assert (edited.status_code, edited.json()["metadata"]) == (200, {"action": "updated"})
    assert customer.get(path, server=1) == edited.json()["data"]
    done = town.door.send(process(customer, payment, prefer="wait=30"))
    assert done.json()["data"]["status"] == "COMPLETED"
    [line] = customer.get(f"/api/accounts/{account}/transactions?type=PAYMENT", server=1)
    assert (line["description"], line["reference"]) == ("books", "INV-1")
    late = customer.ask("PUT", path, {"description": "pens"})
    assert reason_of(late) == "already_processed"


def test_limits_are_passed_by_equality(town: Town, customer: Person) -> None:
    account = town.account(customer, "20000.00")
    customer.payment(account, "10000.00")
    over = customer.ask("POST", "/api/payments", payment_body(account, "10000.01"))
    assert reason_of(over) == "amount_exceeds_limit"
    whole, more = customer.payment(account, "1000.00"), customer.payment(account, "0.01")
    assert town.door.send(process(customer, whole["id"])).status_code == 202
    assert reason_of(town.door.send(process(customer, more["id"]))) == "daily_limit_exceeded"
    ended(customer, whole["id"])


def test_what_is_refused_in_the_background_has_failed(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer, "50.00")
    by_hand = customer.payment(account, "50.01")["id"]
    refused = town.door.send(process(customer, by_hand))
    assert reason_of(refused) == "insufficient_funds"
    assert customer.get(f"/api/payments/{by_hand}")["status"] == "PENDING"

    auto = customer.payment(account, "50.01", processing="auto")["id"]
    scheduled = customer.payment(account, "50.01", scheduled_at=in_seconds(1))["id"]
    money_in = customer.payment(
        account, "5.00", direction="CREDIT", payment_type="DEPOSIT", processing="auto"
    )["id"]
    reasons = {
        auto: "insufficient_funds",
        scheduled: "insufficient_funds",
        money_in: "confirmation_required",
    }
    for payment, reason in reasons.items():
        found = ended(customer, payment)
        assert (found["status"], found["failure_reason"]) == ("FAILED", reason)
        assert found["failed_at"] == found["processing_started_at"] is not None
        assert found["hold_id"] is found["posting_id"] is None
        eventually(partial(dead_letters, system, payment), "there is a dead letter")
        assert dead_letters(system, payment) == [("start_payment", reason, 1)]
        job = customer.get(f"/api/payments/{payment}/status")["job"]
        assert job["id"] == derived_id("job", "start_payment", payment)
    shown = customer.get(f"/api/accounts/{account}")
    assert (shown["balance"], shown["held"]) == ("50.00", "0.00")


def test_a_payment_starts_at_its_time_early_or_never(town: Town, customer: Person) -> None:
    account, at = town.account(customer), in_seconds(2)
    due = customer.payment(account, "1.00", scheduled_at=at)
    assert (due["status"], due["scheduled_at"], due["processing"]) == ("PENDING", at, "auto")
    early = customer.payment(account, "2.00", scheduled_at=in_seconds(3_600))["id"]
    never = customer.payment(account, "4.00", scheduled_at=in_seconds(2))["id"]
    waiting = customer.payment(account, "8.00", scheduled_at=in_seconds(3_600))["id"]
    assert customer.ask("DELETE", f"/api/payments/{never}").status_code == 200
    edited = customer.ask("PUT", f"/api/payments/{waiting}", {"description": "not yet"})
    assert edited.json()["data"]["status"] == "PENDING"
    done = town.door.send(process(customer, early, prefer="wait=30"))
    assert done.json()["data"]["status"] == "COMPLETED"
    found = ended(customer, due["id"])
    assert found["status"] == "COMPLETED"
    started = datetime.fromisoformat(found["processing_started_at"])
    assert timedelta(0) <= started - datetime.fromisoformat(at) < timedelta(seconds=10)
    assert customer.get(f"/api/payments/{waiting}", server=1)["status"] == "PENDING"
    assert customer.get(f"/api/payments/{never}", server=1)["status"] == "CANCELLED"
    assert customer.balance(account) == "997.00"


def test_a_payment_that_came_due_while_everything_was_down_starts_afterwards(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    payment = customer.payment(account, "1.00", scheduled_at=in_seconds(2))["id"]
    with system.paused(*EVERYTHING):
        at = waited_for(system, payment)
    for name in ("scheduler", "worker-1", "worker-2"):
        system.kill(name)
    up_again = datetime.now(UTC)
    found = ended(customer, payment)
    assert found["status"] == "COMPLETED"
    started = datetime.fromisoformat(found["processing_started_at"])
    assert at < started
    assert started - up_again < timedelta(seconds=20)
    assert customer.balance(account) == "999.00"


def waited_for(system: System, payment: str) -> datetime:
    """Return when a payment was due, once it is."""
    query = """
        SELECT (convert_from(data, 'UTF8')::jsonb #>> '{data,scheduled_at}')::timestamptz
        FROM log.events WHERE stream_id = %s AND name = 'PaymentCreated'
    """
    [(at,)] = system.rows(query, f"payment-{payment}")
    eventually(lambda: datetime.now(UTC) > at, "the payment is due")
    due: datetime = at
    return due
