"""Filters over HTTP: each of every list narrows it to exactly the rows that meet it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.api.queries.town import Desk

Row = dict[str, Any]
LISTS = ("/api/accounts", "/api/transactions", "/api/payments", "/api/transfers")


def everything(desk: Desk, path: str) -> list[Row]:
    rows: list[Row] = desk.data(desk.town.ada, path, scope="all", page_size=100)
    assert 3 < len(rows) < 100
    return rows


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def middle(rows: list[Row], field: str) -> str:
    return str(sorted(row[field] for row in rows)[len(rows) // 2])


def has(**fields: Any) -> Callable[[Row], bool]:
    return lambda row: all(row[name] == value for name, value in fields.items())


FIXED: list[tuple[str, dict[str, str], Callable[[Row], bool]]] = [
    ("/api/accounts", {"status": "active"}, has(status="ACTIVE")),
    ("/api/accounts", {"account_type": "Savings"}, has(account_type="SAVINGS")),
    ("/api/accounts", {"currency": "JPY"}, has(currency="JPY")),
    ("/api/accounts", {"currency": "USD", "account_type": "CREDIT"}, has(account_type="CREDIT")),
    ("/api/transactions", {"status": "POSTED"}, has(status="POSTED")),
    ("/api/transactions", {"direction": "debit"}, has(direction="DEBIT")),
    ("/api/transactions", {"type": "opening"}, has(type="OPENING")),
    ("/api/transactions", {"currency": "JPY"}, has(currency="JPY")),
    ("/api/payments", {"direction": "credit"}, has(direction="CREDIT")),
    ("/api/payments", {"payment_type": "deposit"}, has(payment_type="DEPOSIT")),
    ("/api/payments", {"currency": "JPY"}, has(currency="JPY")),
    ("/api/transfers", {"currency": "USD"}, has(currency="USD")),
]


@pytest.mark.parametrize(("path", "asked", "meets"), FIXED)
def test_a_word_narrows(
    desk: Desk, path: str, asked: dict[str, Any], meets: Callable[[Row], bool]
) -> None:
    expected = [row for row in everything(desk, path) if meets(row)]
    assert expected
    answer = desk.get(desk.town.ada, path, scope="all", page_size=100, **asked).json()
    assert answer["data"] == expected
    assert answer["metadata"]["pagination"]["total_count"] == len(expected)


@pytest.mark.parametrize("status", ["pending", "processing", "Completed", "FAILED", "cancelled"])
def test_payments_of_each_status(desk: Desk, status: str) -> None:
    rows = everything(desk, "/api/payments")
    expected = [row for row in rows if row["status"] == status.upper()]
    assert expected
    assert desk.data(desk.town.ada, "/api/payments", scope="all", status=status) == expected


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/transactions", "posted_at"),
        ("/api/payments", "inserted_at"),
        ("/api/transfers", "inserted_at"),
    ],
)
def test_dates_are_inclusive(desk: Desk, path: str, field: str) -> None:
    rows, ada = everything(desk, path), desk.town.ada
    at = middle(rows, field)
    since = desk.data(ada, path, scope="all", page_size=100, date_from=at)
    until = desk.data(ada, path, scope="all", page_size=100, date_to=at)
    assert since == [row for row in rows if row[field] >= at]
    assert until == [row for row in rows if row[field] <= at]
    assert 0 < len(since) < len(rows) > len(until) > 0
    elsewhere = at.replace("T09", "T11").replace("Z", "+02:00")
    both = desk.data(ada, path, scope="all", date_from=elsewhere, date_to=at)
    assert {row[field] for row in both} == {at}


@pytest.mark.parametrize("path", LISTS[1:])
def test_amounts_are_inclusive_and_whole_units(desk: Desk, path: str) -> None:
    rows, ada = everything(desk, path), desk.town.ada
    for bound in ("2.50", "7", "5.995", "1000.001"):
        least = desk.data(ada, path, scope="all", page_size=100, amount_min=bound)
        most = desk.data(ada, path, scope="all", page_size=100, amount_max=bound)
        assert least == [row for row in rows if Decimal(row["amount"]) >= Decimal(bound)]
        assert most == [row for row in rows if Decimal(row["amount"]) <= Decimal(bound)]
        assert len(least) + len(most) >= len(rows)


@pytest.mark.parametrize(
    ("path", "asked", "found"),
    [
        ("/api/transfers", "rent", {"Rent", "RENT arrears"}),
        ("/api/transfers", "ook", {"Books"}),
        ("/api/transactions", "RENT A", {"RENT arrears"}),
        ("/api/payments", "100%_", {"Groceries 100%_off"}),
        ("/api/payments", "%", {"Groceries 100%_off"}),
        ("/api/payments", "nothing like it", set()),
    ],
)
def test_text_is_found_anywhere_in_any_case(
    desk: Desk, path: str, asked: str, found: set[str]
) -> None:
    rows = desk.data(desk.town.ada, path, scope="all", q=asked)
    assert {row["description"] for row in rows} == found


@pytest.mark.parametrize("path", LISTS)
def test_everybody_sees_their_own_and_readers_more_on_request(desk: Desk, path: str) -> None:
    town, rows = desk.town, everything(desk, path)

    def owners(row: Row) -> set[str]:
        if path == "/api/transfers":
            sides = {row["source_account_id"], row["destination_account_id"]}
            return {town.boris if side == town.his else town.anna for side in sides}
        return {row["user_id"]}

    for person in (town.anna, town.boris):
        own = [row for row in rows if person in owners(row)]
        assert own
        for asked in ({}, {"scope": "OWN"}, {"user_id": person}):
            assert ids(desk.data(person, path, page_size=100, **asked)) == ids(own)
        for reader in (town.ada, town.sue, town.audrey):
            assert desk.data(reader, path, page_size=100, user_id=person) == own
    for reader in (town.ada, town.sue, town.audrey):
        assert desk.data(reader, path) == []
        assert desk.data(reader, path, scope="all", page_size=100) == rows


@pytest.mark.parametrize("path", LISTS)
def test_others_rows_are_refused_to_customers(desk: Desk, path: str) -> None:
    town = desk.town
    for asked in ({"scope": "all"}, {"user_id": town.boris}, {"user_id": town.ada}):
        answer = desk.get(town.anna, path, **asked)
        assert (answer.status_code, answer.json()["reason"]) == (403, "insufficient_permissions")
        assert answer.json()["details"] == {
            "role": "user",
            "required_roles": ["admin", "auditor", "support"],
        }


def test_a_service_reads_what_its_scope_opens(desk: Desk) -> None:
    town, robot = desk.town, "service:accounts:read"
    for path in ("/api/accounts", "/api/transactions", "/api/transfers"):
        rows = everything(desk, path)
        assert desk.data(robot, path, page_size=100) == rows
        his = desk.data(robot, path, page_size=100, user_id=town.boris)
        assert ids(his) == ids(desk.data(town.boris, path, page_size=100))
        assert desk.reason("service:ledger:read", path) == (403, "insufficient_permissions")
    assert desk.reason(robot, "/api/payments") == (403, "insufficient_permissions")


@pytest.mark.parametrize("path", ["/api/transactions", "/api/transfers"])
def test_an_account_can_be_named_by_those_who_may_read_it(desk: Desk, path: str) -> None:
    town, rows = desk.town, everything(desk, path)
    sides = ("account_id", "source_account_id", "destination_account_id")

    def on(row: Row, account: str) -> bool:
        return account in {row.get(side) for side in sides}

    for account, owner in (
        (town.hers, town.anna),
        (town.credit, town.anna),
        (town.his, town.boris),
    ):
        expected = [row for row in rows if on(row, account)]
        assert expected
        for caller in (owner, town.ada, town.audrey, "service:accounts:read"):
            shown = desk.data(caller, path, account_id=account, page_size=100)
            assert ids(shown) == ids(expected)
        assert desk.data(town.sue, path, account_id=account, scope="own") == []
    assert desk.reason(town.boris, path, account_id=town.hers) == (403, "unauthorized_access")
    assert desk.data(town.boris, path, account_id=town.anna) == []


def test_payments_of_an_account(desk: Desk) -> None:
    town, rows = desk.town, everything(desk, "/api/payments")
    expected = [row for row in rows if row["user_bank_account_id"] == town.savings]
    assert ids(expected) == [town.foreign]
    for caller in (town.anna, town.ada):
        assert desk.data(caller, "/api/payments", account_id=town.savings.upper()) == expected
    assert desk.data(town.boris, "/api/payments", account_id=town.savings) == []


def test_transactions_of_one_account(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.his}/transactions"
    expected = desk.data(town.boris, "/api/transactions", account_id=town.his)
    assert len(expected) == 5
    for caller in (town.boris, town.ada, "service:accounts:read"):
        assert ids(desk.data(caller, path)) == ids(expected)
    assert len(desk.data(town.boris, path, direction="DEBIT")) == 1
    assert desk.data(town.ada, path, user_id=town.anna) == []
    assert desk.reason(town.boris, path, scope="all") == (403, "insufficient_permissions")
    assert desk.reason(town.boris, path, account_id=town.his) == (400, "unknown_parameter")
