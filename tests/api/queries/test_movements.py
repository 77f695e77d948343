"""Transactions, transfers and the trial balance over HTTP: shapes, sides, and who may look."""

import pytest

from tests.api.queries.town import Desk

UNKNOWN = "00000000-0000-7000-8000-000000000000"
UNAUTHORIZED, INSUFFICIENT = (403, "unauthorized_access"), (403, "insufficient_permissions")
ROBOT = "service:accounts:read"


def test_a_transfer_has_its_whole_shape(desk: Desk) -> None:
    town = desk.town
    transfer_id = town.transfers[0]
    answer = desk.get(town.anna, f"/api/transfers/{transfer_id}")
    transfer = answer.json()["data"]
    assert answer.headers["etag"] == '"1"'
    assert transfer.pop("posted_at") == transfer.pop("updated_at") == transfer.pop("inserted_at")
    assert len(transfer.pop("posting_id")) == 36
    assert transfer == {
        "id": transfer_id,
        "status": "POSTED",
        "source_account_id": town.hers,
        "destination_account_id": town.his,
        "amount": "1.00",
        "currency": "USD",
        "destination_amount": "1.00",
        "destination_currency": "USD",
        "rate": None,
        "fx_quote_id": None,
        "description": "Rent",
        "reference": None,
        "reversal_posting_id": None,
        "initiated_by": town.anna,
        "version": 1,
    }
    path = f"/api/transfers/{transfer_id}"
    assert desk.get(town.anna, path, {"if-none-match": '"1"'}).status_code == 304


def test_both_sides_may_look_at_a_transfer(desk: Desk) -> None:
    town = desk.town
    between, inside = town.transfers[0], town.transfers[-1]
    for caller in (town.anna, town.boris, town.ada, town.sue, town.audrey, ROBOT):
        assert desk.data(caller, f"/api/transfers/{between}")["id"] == between
    assert desk.reason(town.boris, f"/api/transfers/{inside}") == UNAUTHORIZED
    assert desk.reason("service:ledger:read", f"/api/transfers/{inside}") == INSUFFICIENT
    for caller in (town.boris, town.ada):
        unknown = desk.reason(caller, f"/api/transfers/{UNKNOWN}")
        assert unknown == (404, "transfer_not_found")
    assert desk.reason(town.ada, "/api/transfers/x") == (400, "invalid_uuid_format")


def test_a_transaction_has_its_whole_shape(desk: Desk) -> None:
    town = desk.town
    rows = desk.data(town.anna, "/api/transactions", q="arrears")
    assert len(rows) == 1
    answer = desk.get(town.anna, f"/api/transactions/{rows[0]['id']}")
    assert "etag" not in answer.headers
    transaction = answer.json()["data"]
    assert transaction == rows[0]
    assert transaction.pop("posted_at") == transaction.pop("inserted_at")
    for name in ("id", "posting_id", "updated_at"):
        assert transaction.pop(name)
    assert transaction == {
        "account_id": town.hers,
        "user_id": town.anna,
        "type": "TRANSFER",
        "status": "POSTED",
        "amount": "2.50",
        "currency": "USD",
        "direction": "DEBIT",
        "description": "RENT arrears",
        "reference": None,
        "balance_after": "996.50",
        "payment_id": None,
        "transfer_id": town.transfers[1],
        "external_id": None,
        "counterparty_account_id": town.his,
    }


def test_a_transaction_of_another_currency(desk: Desk) -> None:
    rows = desk.data(desk.town.anna, "/api/transactions", currency="JPY")
    assert [(row["amount"], row["balance_after"], row["type"]) for row in rows] == [
        ("5000", "5000", "OPENING")
    ]


def test_who_may_look_at_a_transaction(desk: Desk) -> None:
    town = desk.town
    own = desk.data(town.anna, "/api/transactions", q="arrears")[0]["id"]
    for caller in (town.anna, town.ada, town.sue, town.audrey, ROBOT):
        assert desk.data(caller, f"/api/transactions/{own}")["id"] == own
    assert desk.reason(town.boris, f"/api/transactions/{own}") == UNAUTHORIZED
    assert desk.reason("service:ledger:read", f"/api/transactions/{own}") == INSUFFICIENT
    for caller in (town.boris, town.ada):
        unknown = desk.reason(caller, f"/api/transactions/{UNKNOWN}")
        assert unknown == (404, "transaction_not_found")


def test_the_other_account_is_shown_only_to_whom_it_was_known(desk: Desk) -> None:
    town = desk.town

    def other(caller: str, direction: str, text: str) -> list[str | None]:
        asked = {"direction": direction, "q": text}
        if caller not in {town.anna, town.boris}:
            asked["scope"] = "all"
        rows = desk.data(caller, "/api/transactions", **asked)
        for row in rows:
            shown = desk.data(caller, f"/api/transactions/{row['id']}")
            assert shown["counterparty_account_id"] == row["counterparty_account_id"]
        return [row["counterparty_account_id"] for row in rows]

    assert other(town.anna, "DEBIT", "arrears") == [town.his], "she named it"
    assert other(town.boris, "CREDIT", "arrears") == [None], "he did not"
    assert other(town.boris, "DEBIT", "Payback") == [town.hers], "he named it"
    assert other(town.anna, "CREDIT", "Payback") == [None], "she did not"
    assert other(town.anna, "CREDIT", "pocket") == [town.hers], "it is hers"
    for reader in (town.ada, town.sue, town.audrey):
        assert other(reader, "CREDIT", "arrears") == [town.hers]
    path = f"/api/accounts/{town.his}/transactions"
    assert {row["counterparty_account_id"] for row in desk.data(ROBOT, path)} == {None, town.hers}
    shown = desk.data(town.boris, path, direction="CREDIT")
    assert {row["counterparty_account_id"] for row in shown} == {None}


def test_the_trial_balance_adds_up(desk: Desk) -> None:
    town = desk.town
    assert desk.data(town.ada, "/api/ledger/trial-balance") == [
        {
            "currency": "JPY",
            "rows": [
                {
                    "code": "customers:JPY",
                    "kind": "customers",
                    "accounts": 1,
                    "debit_total": "0",
                    "credit_total": "5000",
                    "balance": "5000",
                },
                {
                    "code": "opening:JPY",
                    "kind": "opening",
                    "accounts": 1,
                    "debit_total": "5000",
                    "credit_total": "0",
                    "balance": "-5000",
                },
            ],
            "total_debit": "5000",
            "total_credit": "5000",
            "balanced": True,
        },
        {
            "currency": "USD",
            "rows": [
                {
                    "code": "clearing:LEDGERBANK:USD",
                    "kind": "clearing",
                    "accounts": 1,
                    "debit_total": "0.00",
                    "credit_total": "7.00",
                    "balance": "7.00",
                },
                {
                    "code": "customers:USD",
                    "kind": "customers",
                    "accounts": 3,
                    "debit_total": "30.84",
                    "credit_total": "1223.84",
                    "balance": "1193.00",
                },
                {
                    "code": "opening:USD",
                    "kind": "opening",
                    "accounts": 1,
                    "debit_total": "1200.00",
                    "credit_total": "0.00",
                    "balance": "-1200.00",
                },
            ],
            "total_debit": "1230.84",
            "total_credit": "1230.84",
            "balanced": True,
        },
    ]


def test_the_trial_balance_of_one_currency(desk: Desk) -> None:
    town, path = desk.town, "/api/ledger/trial-balance"
    for currency in ("JPY", "USD"):
        shown = desk.data(town.audrey, path, currency=currency)
        assert [each["currency"] for each in shown] == [currency]
    assert desk.data(town.audrey, path, currency="EUR") == []


def test_books_that_do_not_balance_are_said_not_to(own_desk: Desk) -> None:
    town = own_desk.town
    town.execute("UPDATE read.trial_balance SET credit_total = 1 WHERE code = 'opening:JPY'")
    shown = own_desk.data(town.ada, "/api/ledger/trial-balance", currency="JPY")
    assert [each["balanced"] for each in shown] == [False]


@pytest.mark.parametrize("role", ["ada", "sue", "audrey"])
def test_readers_may_look_at_the_books(desk: Desk, role: str) -> None:
    caller = getattr(desk.town, role)
    assert desk.get(caller, "/api/ledger/trial-balance").status_code == 200


def test_nobody_else_may_look_at_the_books(desk: Desk) -> None:
    path = "/api/ledger/trial-balance"
    assert desk.get("service:ledger:read", path).status_code == 200
    for caller in (desk.town.anna, ROBOT):
        assert desk.reason(caller, path) == INSUFFICIENT
    answer = desk.get(desk.town.anna, path)
    assert answer.json()["details"]["required_roles"] == [
        "admin", "auditor", "support", "service:ledger:read",
    ]  # fmt: skip
