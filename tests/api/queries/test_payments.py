"""Payments over HTTP: shape, what can be done with one, and how a person stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

import pytest

from ledger.identity import derived_id
from schema.postgres import Pool
from schema.vault import KeyVault
from tests.api.queries.town import INDEX_KEY, Desk
from tests.projections.history import KEKS

UNKNOWN = "00000000-0000-7000-8000-000000000000"
INSUFFICIENT = (403, "insufficient_permissions")
AT = "2025-03-01T10:00:00.000000Z"


def test_a_payment_has_its_whole_shape(desk: Desk) -> None:
    town = desk.town
    answer = desk.get(town.anna, f"/api/payments/{town.completed}")
    assert answer.json()["metadata"] == {"action": "retrieved"}
    payment = answer.json()["data"]
    assert answer.headers["etag"] == f'"{payment["version"]}"'
    for name in ("inserted_at", "updated_at", "posted_at", "processing_started_at", "posting_id"):
        assert payment.pop(name), name
    assert payment == {
        "id": town.completed,
        "user_id": town.anna,
        "user_bank_account_id": town.hers,
        "amount": "7.00",
        "currency": "USD",
        "direction": "DEBIT",
        "payment_type": "WITHDRAWAL",
        "description": "Groceries 100%_off",
        "reference": None,
        "status": "COMPLETED",
        "processing": "manual",
        "priority": 0,
        "scheduled_at": None,
        "rail": "book",
        "destination_account_id": None,
        "hold_id": town.completed,
        "reversal_posting_id": None,
        "external_transaction_id": None,
        "failure_reason": None,
        "failed_at": None,
        "version": 4,
    }
    path = f"/api/payments/{town.completed}"
    assert desk.get(town.anna, path, {"if-none-match": 'W/"4"'}).status_code == 304


@pytest.mark.parametrize("part", ["", "/status"])
def test_who_may_look_at_a_payment(desk: Desk, part: str) -> None:
    town = desk.town
    path = f"/api/payments/{town.pending}{part}"
    for caller in (town.anna, town.ada, town.sue, town.audrey):
        assert desk.get(caller, path).status_code == 200, caller
    for caller in (town.boris, "service:accounts:read", "service:ledger:read"):
        assert desk.reason(caller, path) == INSUFFICIENT
    for caller in (town.boris, town.ada):
        unknown = desk.reason(caller, f"/api/payments/{UNKNOWN}{part}")
        assert unknown == (404, "payment_not_found")
    assert desk.reason(town.anna, f"/api/payments/x{part}") == (400, "invalid_uuid_format")


def test_what_a_stranger_is_told_has_no_figures(desk: Desk) -> None:
    town = desk.town
    answer = desk.get(town.boris, f"/api/payments/{town.pending}")
    assert answer.json()["details"] == {
        "role": "user",
        "required_roles": ["admin", "auditor", "support"],
    }


def test_who_could_start_a_payment(desk: Desk) -> None:
    town = desk.town

    def can(caller: str, payment_id: str) -> bool:
        status = desk.get(caller, f"/api/payments/{payment_id}/status").json()
        assert status["metadata"] == {"action": "status_retrieved"}
        assert status["data"]["payment"] == desk.data(caller, f"/api/payments/{payment_id}")
        return bool(status["data"]["can_process"])

    callers = (town.anna, town.ada, town.sue, town.audrey)
    assert [can(each, town.pending) for each in callers] == [True, True, False, False]
    assert [can(each, town.incoming) for each in callers] == [False, True, False, False]
    for payment_id in (town.processing, town.completed, town.failed, town.cancelled):
        assert [can(each, payment_id) for each in callers] == [False] * 4


def test_money_in_on_an_admins_own_account_needs_another_admin(own_desk: Desk) -> None:
    town = own_desk.town
    account = town.history.account(town.ada)
    payment_id = town.history.payment(account, 1_000, "CREDIT")
    town.settle()
    assert own_desk.data(town.ada, f"/api/payments/{payment_id}/status")["can_process"] is False


def claim(desk: Desk, holder: str, expires_at: str | None, **changed: Any) -> None:
    """Let `holder` have the fingerprint of Anna's pending payment."""
    town = desk.town
    told = {"user": town.anna, "amount": 500, "currency": "USD", "text": "Shoes", "way": "DEBIT"}
    vault = KeyVault(Pool("", open=False), KEKS, INDEX_KEY)
    key = vault.digest(*{**told, **changed}.values())
    town.execute("DELETE FROM log.claims")
    town.execute(CLAIM, key, holder, expires_at)


def test_another_payment_with_the_same_fingerprint_makes_a_duplicate(own_desk: Desk) -> None:
    town = own_desk.town

    def duplicate() -> bool:
        status = own_desk.data(town.anna, f"/api/payments/{town.pending}/status")
        return bool(status["is_duplicate"])

    assert not duplicate()
    claim(own_desk, UNKNOWN, None)
    assert duplicate()
    claim(own_desk, UNKNOWN, "2999-01-01T00:00:00.000000Z")
    assert duplicate()
    claim(own_desk, UNKNOWN, AT)
    assert not duplicate(), "its time is over"
    claim(own_desk, town.pending, None)
    assert not duplicate(), "it is its own"
    for changed in ({"amount": 501}, {"text": "shoes"}, {"way": "CREDIT"}, {"user": town.boris}):
        claim(own_desk, UNKNOWN, None, **changed)
        assert not duplicate(), changed


def job(desk: Desk, number: int, payment_id: str) -> str:
    job_id = derived_id("tests", "job", number)
    at = f"2025-03-01T10:00:0{number}+00:00"
    desk.town.execute(JOB, job_id, payment_id, at, at)
    return job_id


def test_the_newest_job_is_shown(own_desk: Desk) -> None:
    town = own_desk.town
    path = f"/api/payments/{town.processing}/status"
    assert own_desk.data(town.anna, path)["job"] is None
    job(own_desk, 1, town.processing)
    newest = job(own_desk, 2, town.processing)
    job(own_desk, 3, town.pending)
    assert own_desk.data(town.anna, path)["job"] == {
        "id": newest,
        "queue": "payments",
        "actor": "process_payment",
        "state": "available",
        "priority": 0,
        "attempt": 1,
        "max_attempts": 4,
        "subject_type": "payment",
        "subject_id": town.processing,
        "correlation_id": "req_test",
        "inserted_at": "2025-03-01T10:00:02.000000Z",
        "scheduled_at": "2025-03-01T10:00:02.000000Z",
        "attempted_at": None,
        "completed_at": None,
        "errors": [{"attempt": 1, "reason": "timeout", "category": "system", "at": AT}],
    }


@contextmanager
def relay_behind(desk: Desk) -> Iterator[None]:
    desk.town.execute("UPDATE work.relay SET position = 1")
    yield
    desk.town.execute("UPDATE work.relay SET position = %s", desk.town.history.position)


def test_a_job_that_is_on_its_way_is_waited_for(own_desk: Desk) -> None:
    town = own_desk.town
    path = f"/api/payments/{town.processing}/status"
    with relay_behind(own_desk):
        timer = Timer(0.1, job, (own_desk, 1, town.processing))
        timer.start()
        assert own_desk.data(town.anna, path)["job"] is not None
        timer.join()


def test_a_payment_is_told_even_when_the_relay_is_away(own_desk: Desk) -> None:
    town = own_desk.town
    path = f"/api/payments/{town.processing}/status"
    with relay_behind(own_desk):
        for headers in ({}, {"ledger-consistency": "eventual"}):
            answer = own_desk.get(town.anna, path, headers)
            assert (answer.status_code, answer.json()["data"]["job"]) == (200, None)


def test_how_a_person_stands(desk: Desk) -> None:
    town = desk.town
    answer = desk.get(town.anna, "/api/payments/stats").json()
    assert answer["metadata"] == {"action": "stats_retrieved"}
    assert answer["data"]["financial_health"] == {
        "user_id": town.anna,
        "totals": [
            {"currency": "JPY", "balance": "5000", "available": "5000"},
            {"currency": "USD", "balance": "1000.84", "available": "1294.84"},
        ],
        "total_balance": None,
        "total_accounts": 3,
        "active_accounts": 3,
        "inactive_accounts": 0,
        "frozen_accounts": 0,
        "closed_accounts": 0,
        "suspended_accounts": 0,
        "is_healthy": True,
        "can_make_payments": True,
    }
    assert answer["data"]["recent_payments"] == desk.data(town.anna, "/api/payments")


def test_one_currency_has_a_total_without_what_has_lapsed(desk: Desk) -> None:
    town = desk.town
    health = desk.data(town.boris, "/api/payments/stats")["financial_health"]
    assert health["total_balance"] == "192.16"
    assert health["totals"] == [{"currency": "USD", "balance": "192.16", "available": "177.16"}]


def test_who_has_nothing_is_not_well(desk: Desk) -> None:
    stats = desk.data(desk.town.audrey, "/api/payments/stats")
    health = stats["financial_health"]
    assert (health["totals"], health["total_balance"], stats["recent_payments"]) == ([], None, [])
    assert (health["is_healthy"], health["can_make_payments"]) == (False, False)


def test_accounts_of_the_suspended_are_suspended(own_desk: Desk) -> None:
    town = own_desk.town
    town.execute("UPDATE read.users SET status = 'SUSPENDED' WHERE id = %s", town.anna)
    town.execute("UPDATE read.accounts SET status = 'FROZEN' WHERE id = %s", town.savings)
    stats = own_desk.data(town.ada, "/api/payments/stats", user_id=town.anna)
    health = stats["financial_health"]
    names = ("total", "active", "frozen", "suspended")
    assert [health[f"{name}_accounts"] for name in names] == [3, 2, 1, 3]
    assert health["can_make_payments"] is False


def test_only_the_ten_newest_payments_are_shown(own_desk: Desk) -> None:
    town = own_desk.town
    for amount in range(12):
        town.history.payment(town.hers, 100 + amount)
    town.settle()
    recent = own_desk.data(town.anna, "/api/payments/stats")["recent_payments"]
    assert [row["amount"] for row in recent] == [f"1.{11 - each:02d}" for each in range(10)]


def test_whose_figures_may_be_seen(desk: Desk) -> None:
    town, path = desk.town, "/api/payments/stats"
    assert desk.get(town.anna, path, user_id=town.anna.upper()).status_code == 200
    for reader in (town.ada, town.sue, town.audrey):
        shown = desk.data(reader, path, user_id=town.anna)["financial_health"]
        assert shown["user_id"] == town.anna
    assert desk.reason(town.boris, path, user_id=town.anna) == INSUFFICIENT
    assert desk.reason("service:accounts:read", path) == INSUFFICIENT
    for caller in (town.boris, town.ada):
        assert desk.reason(caller, path, user_id=UNKNOWN) == (404, "user_not_found")


CLAIM = """
INSERT INTO log.claims (namespace, key, holder, expires_at, position)
VALUES ('payment_fingerprint', %s, %s, %s, 1)
"""
JOB = """
INSERT INTO work.jobs (id, queue, actor, state, priority, attempt, max_attempts, subject_type,
    subject_id, correlation_id, cause, inserted_at, scheduled_at, errors)
VALUES (%s, 'payments', 'process_payment', 'available', 0, 1, 4, 'payment', %s, 'req_test', 'tests',
    %s, %s, '[{"attempt": 1, "reason": "timeout", "category": "system",
    "at": "2025-03-01T10:00:00.000000Z"}]')
"""
