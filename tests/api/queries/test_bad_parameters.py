"""What a list refuses: every bad parameter with its reason, all of them at once."""

from typing import Any

import pytest

from tests.api.queries.town import Desk

PAYMENTS, ACCOUNTS, TRANSACTIONS = "/api/payments", "/api/accounts", "/api/transactions"
BAD: list[tuple[str, dict[str, Any], str]] = [
    (PAYMENTS, {"status": "WRONG"}, "invalid_status"),
    (PAYMENTS, {"direction": "SIDEWAYS"}, "invalid_direction"),
    (PAYMENTS, {"payment_type": "GIFT"}, "invalid_payment_type"),
    (PAYMENTS, {"currency": "usd"}, "invalid_currency_format"),
    (PAYMENTS, {"currency": "XXX"}, "invalid_currency_format"),
    (PAYMENTS, {"account_id": "x"}, "invalid_uuid_format"),
    (PAYMENTS, {"user_id": "x"}, "invalid_uuid_format"),
    (PAYMENTS, {"scope": "mine"}, "invalid_field_value"),
    (PAYMENTS, {"date_from": "2025-03-01"}, "invalid_datetime_format"),
    (PAYMENTS, {"date_to": "2025-03-01T09:00:00"}, "invalid_datetime_format"),
    (PAYMENTS, {"date_to": "2025-02-30T09:00:00Z"}, "invalid_datetime_format"),
    (PAYMENTS, {"amount_min": "1e2"}, "invalid_amount_format"),
    (PAYMENTS, {"amount_max": "1,00"}, "invalid_amount_format"),
    (PAYMENTS, {"amount_min": "2", "amount_max": "1.99"}, "invalid_amount_range"),
    (PAYMENTS, {"date_from": "2025-03-01T09:00:00Z", "date_to": "2025-03-01T09:59:59+01:00"},
     "invalid_date_range"),
    (PAYMENTS, {"q": "x" * 101}, "invalid_field_value"),
    (PAYMENTS, {"q": " "}, "missing_fields"),
    (PAYMENTS, {"status": ""}, "missing_fields"),
    (PAYMENTS, {"date_from": ""}, "missing_fields"),
    (PAYMENTS, {"sort": "password_hash"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": ""}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "amount:up"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "amount:"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "amount,,status"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "amount,amount:desc"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "amount,status,currency,direction,posted_at"}, "invalid_sort_field"),
    (PAYMENTS, {"sort": "id"}, "invalid_sort_field"),
    (PAYMENTS, {"cursor": ""}, "invalid_cursor"),
    (PAYMENTS, {"cursor": "garbage"}, "invalid_cursor"),
    (PAYMENTS, {"cursor": "é"}, "invalid_cursor"),
    (PAYMENTS, {"at": "2025-03-01T09:00:00Z"}, "unknown_parameter"),
    (PAYMENTS, {"Status": "PENDING"}, "unknown_parameter"),
    (ACCOUNTS, {"status": "DELETED"}, "invalid_status"),
    (ACCOUNTS, {"account_type": "GOLD"}, "invalid_account_type"),
    (ACCOUNTS, {"q": "x"}, "unknown_parameter"),
    (TRANSACTIONS, {"type": "GIFT"}, "invalid_transaction_type"),
    (TRANSACTIONS, {"status": "COMPLETED"}, "invalid_status"),
    (TRANSACTIONS, {"payment_type": "TRANSFER"}, "unknown_parameter"),
    ("/api/transfers", {"status": "POSTED"}, "unknown_parameter"),
    ("/api/transfers", {"sort": "currency"}, "invalid_sort_field"),
    ("/api/ledger/trial-balance", {"currency": "XX"}, "invalid_currency_format"),
    ("/api/ledger/trial-balance", {"at_position": "x"}, "invalid_position"),
    ("/api/payments/stats", {"user_id": "x"}, "invalid_uuid_format"),
    ("/api/payments/stats", {"page": "1"}, "unknown_parameter"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "asked", "reason"), BAD)
def test_a_bad_parameter_is_refused(
    desk: Desk, path: str, asked: dict[str, Any], reason: str
) -> None:
    answer = desk.get(desk.town.ada, path, **asked)
    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (400, reason)
    assert problem["errors"][0]["field"] in asked
    assert problem["details"]["field"] in asked


def test_what_would_be_accepted_is_told(desk: Desk) -> None:
    anna = desk.town.anna
    status = desk.get(anna, PAYMENTS, status="x").json()
    assert status["details"]["allowed"] == [
        "PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED",
    ]  # fmt: skip
    sort = desk.get(anna, "/api/transfers", sort="x").json()
    assert sort["details"]["allowed"] == ["amount", "inserted_at", "posted_at"]
    unknown = desk.get(anna, "/api/transfers", nonsense="1").json()
    assert unknown["details"]["allowed"] == [
        "account_id", "currency", "date_from", "date_to", "amount_min", "amount_max", "q",
        "user_id", "scope", "page", "page_size", "limit", "cursor", "sort", "version",
    ]  # fmt: skip


def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    asked = {"sort": "x", "q": "", "scope": "x", "currency": "x", "nonsense": "1", "page": "x"}
    problem = desk.get(desk.town.anna, PAYMENTS, **asked).json()
    assert [(each["field"], each["reason"]) for each in problem["errors"]] == [
        ("nonsense", "unknown_parameter"),
        ("q", "missing_fields"),
        ("currency", "invalid_currency_format"),
        ("scope", "invalid_field_value"),
        ("sort", "invalid_sort_field"),
    ]


def test_ranges_are_told_with_the_rest(desk: Desk) -> None:
    asked = {"amount_max": "1", "amount_min": "2", "date_to": "x", "date_from": "y", "sort": "z"}
    problem = desk.get(desk.town.anna, PAYMENTS, **asked).json()
    assert [(each["field"], each["reason"]) for each in problem["errors"]] == [
        ("date_from", "invalid_datetime_format"),
        ("date_to", "invalid_datetime_format"),
        ("amount_min", "invalid_amount_range"),
        ("sort", "invalid_sort_field"),
    ]


def test_bad_parameters_come_before_rights(desk: Desk) -> None:
    asked = {"account_id": desk.town.hers, "scope": "all", "status": "x"}
    assert desk.reason(desk.town.boris, TRANSACTIONS, **asked) == (400, "invalid_status")


def test_a_parameter_sent_twice_is_refused(desk: Desk) -> None:
    answer = desk.get(desk.town.anna, PAYMENTS, status=["PENDING", "FAILED"])
    assert answer.status_code == 400


def test_the_interface_version_may_be_named(desk: Desk) -> None:
    assert desk.get(desk.town.anna, PAYMENTS, version="v1").status_code == 200
