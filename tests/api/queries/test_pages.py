"""Pages over HTTP: numbered and by cursor, in every order a list has (http.md §1.12)."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cmp_to_key
from itertools import count, permutations
from typing import Any

import pytest

from tests.api.queries.town import Desk

Row = dict[str, Any]
PAYMENTS = "/api/payments"
SORTS = {
    "/api/accounts": "account_name balance currency status inserted_at updated_at",
    "/api/transactions": "posted_at amount direction type currency inserted_at updated_at",
    PAYMENTS: "amount status direction payment_type currency posted_at scheduled_at inserted_at"
    " updated_at",
    "/api/transfers": "amount posted_at inserted_at",
}
EVERY_SORT = [(path, field) for path, fields in SORTS.items() for field in fields.split()]


def everything(desk: Desk, path: str, **asked: str) -> list[Row]:
    rows: list[Row] = desk.data(desk.town.ada, path, scope="all", page_size=100, **asked)
    return rows


def ordered(rows: list[Row], sort: str) -> list[str]:
    """Return ids in the order `sort` asks for: null is the greatest, the id breaks ties."""
    keys = [
        (name, way == "desc") for name, _, way in (each.partition(":") for each in sort.split(","))
    ]
    keys.append(("id", keys[-1][1]))

    def value(row: Row, name: str) -> tuple[bool, Any]:
        told = row[name]
        number = name in {"amount", "balance"}
        return (told is None, "" if told is None else Decimal(told) if number else told)

    def compare(one: Row, other: Row) -> int:
        for name, down in keys:
            left, right = value(one, name), value(other, name)
            if left != right:
                return (-1 if left < right else 1) * (-1 if down else 1)
        return 0

    return [row["id"] for row in sorted(rows, key=cmp_to_key(compare))]


def walk(desk: Desk, caller: str, path: str, limit: int, **asked: str) -> Iterator[list[Row]]:
    """Follow cursors to the end, checking what is told on the way."""
    more: dict[str, Any] = dict(asked)
    while True:
        answer = desk.get(caller, path, limit=limit, **more).json()
        told, rows = answer["metadata"]["pagination"], answer["data"]
        assert (told["type"], told["limit"]) == ("keyset", limit)
        yield rows
        assert told["has_more"] is (told["next_cursor"] is not None)
        if not told["has_more"]:
            return
        assert len(rows) == limit
        more["cursor"] = told["next_cursor"]


@pytest.mark.parametrize(("path", "field"), EVERY_SORT)
def test_every_sort_both_ways(desk: Desk, path: str, field: str) -> None:
    rows = everything(desk, path)
    for sort in (field, f"{field}:asc", f"{field}:desc"):
        assert [row["id"] for row in everything(desk, path, sort=sort)] == ordered(rows, sort)
        pages = list(walk(desk, desk.town.ada, path, 3, scope="all", sort=sort))
        assert [row["id"] for page in pages for row in page] == ordered(rows, sort)


@pytest.mark.parametrize("first", ["posted_at:desc", "posted_at", "currency", "amount:desc"])
def test_mixed_directions_and_nulls(desk: Desk, first: str) -> None:
    rows = everything(desk, PAYMENTS)
    rest = ["direction:desc", "status", "inserted_at:desc"]
    for others in permutations(rest):
        sort = ",".join([first, *others])
        expected = ordered(rows, sort)
        pages = list(walk(desk, desk.town.ada, PAYMENTS, 2, scope="all", sort=sort))
        assert [row["id"] for page in pages for row in page] == expected


def test_usual_orders_are_newest_first(desk: Desk) -> None:
    for path in SORTS:
        usual = "posted_at:desc" if path == "/api/transactions" else "inserted_at:desc"
        rows = everything(desk, path)
        assert [row["id"] for row in rows] == ordered(rows, usual)
    assert everything(desk, PAYMENTS, sort="created_at:desc") == everything(desk, PAYMENTS)


def test_numbered_pages_tell_where_they_lie(desk: Desk) -> None:
    ada, rows = desk.town.ada, everything(desk, PAYMENTS)
    assert len(rows) == 8
    for page in (1, 2, 3, 4):
        answer = desk.get(ada, PAYMENTS, scope="all", page=page, page_size=3).json()
        assert answer["data"] == rows[3 * (page - 1) : 3 * page]
        assert answer["metadata"] == {
            "pagination": {
                "type": "offset",
                "page": page,
                "page_size": 3,
                "total_count": 8,
                "total_pages": 3,
                "has_next": page < 3,
                "has_prev": page > 1,
            },
            "action": "listed",
        }


def test_an_empty_list_has_no_pages(desk: Desk) -> None:
    told = desk.get(desk.town.ada, PAYMENTS).json()["metadata"]["pagination"]
    shown = [told[name] for name in ("total_count", "total_pages", "has_next", "has_prev")]
    assert shown == [0, 0, False, False]
    assert list(walk(desk, desk.town.ada, PAYMENTS, 5)) == [[]]


@pytest.mark.parametrize(
    ("asked", "page", "size"),
    [
        ({"page": "0"}, 1, 20),
        ({"page": "-1"}, 1, 20),
        ({"page": "x"}, 1, 20),
        ({"page": ""}, 1, 20),
        ({"page": "1.5"}, 1, 20),
        ({"page": "9" * 15}, 999_999_999_999_999, 20),
        ({"page_size": "101"}, 1, 100),
        ({"page_size": "0"}, 1, 20),
        ({"page_size": "-5"}, 1, 20),
        ({"page_size": "many"}, 1, 20),
        ({"page_size": ""}, 1, 20),
        ({"page_size": "100"}, 1, 100),
    ],
)
def test_numbers_that_are_none_are_forgiven(
    desk: Desk, asked: dict[str, Any], page: int, size: int
) -> None:
    told = desk.get(desk.town.anna, PAYMENTS, **asked).json()["metadata"]["pagination"]
    assert (told["page"], told["page_size"]) == (page, size)


@pytest.mark.parametrize(
    ("limit", "read"), [("0", 20), ("x", 20), ("", 20), ("500", 100), ("7", 7)]
)
def test_limits_are_read_like_page_sizes(desk: Desk, limit: str, read: int) -> None:
    told = desk.get(desk.town.anna, PAYMENTS, limit=limit).json()["metadata"]["pagination"]
    assert (told["type"], told["limit"]) == ("keyset", read)


def test_a_walk_ends_when_there_is_no_other_row(desk: Desk) -> None:
    pages = list(walk(desk, desk.town.ada, PAYMENTS, 4, scope="all"))
    assert [len(page) for page in pages] == [4, 4]


def test_filters_hold_on_every_page_of_a_walk(desk: Desk) -> None:
    for path, asked in (
        ("/api/transactions", {"direction": "DEBIT", "sort": "amount"}),
        ("/api/transfers", {"amount_min": "2", "sort": "amount:desc"}),
    ):
        rows = everything(desk, path, **asked)
        pages = walk(desk, desk.town.ada, path, 2, scope="all", **asked)
        assert [row for page in pages for row in page] == rows


def test_a_transfer_between_own_accounts_comes_once(desk: Desk) -> None:
    town = desk.town
    pages = list(walk(desk, town.anna, "/api/transfers", 2))
    ids = [row["id"] for page in pages for row in page]
    assert ids == town.transfers[::-1]


@pytest.fixture
def cursor(desk: Desk) -> str:
    answer = desk.get(desk.town.anna, PAYMENTS, limit=2, direction="DEBIT", sort="amount")
    token: str = answer.json()["metadata"]["pagination"]["next_cursor"]
    return token


def test_a_cursor_alone_goes_on(desk: Desk, cursor: str) -> None:
    asked = {"direction": "DEBIT", "sort": "amount", "cursor": cursor}
    assert len(desk.data(desk.town.anna, PAYMENTS, **asked)) == 4
    assert len(desk.data(desk.town.anna, PAYMENTS, limit=1, **asked)) == 1
    assert len(desk.data(desk.town.anna, PAYMENTS, **{**asked, "direction": "debit"})) == 4


def test_a_cursor_belongs_to_its_question(desk: Desk, cursor: str) -> None:
    anna, asked = desk.town.anna, {"direction": "DEBIT", "sort": "amount", "cursor": cursor}
    others: list[dict[str, str]] = [
        {"direction": "CREDIT"},
        {"sort": "amount:desc"},
        {"sort": "amount,status"},
        {"currency": "USD"},
        {"scope": "own"},
        {"page": "1"},
    ]
    for other in others:
        assert desk.reason(anna, PAYMENTS, **{**asked, **other}) == (400, "invalid_cursor"), other
    del asked["direction"]
    assert desk.reason(anna, PAYMENTS, **asked) == (400, "invalid_cursor")
    foreign = {"sort": "amount", "cursor": cursor, "direction": "DEBIT"}
    assert desk.reason(anna, "/api/transactions", **foreign) == (400, "invalid_cursor")


def test_a_cursor_of_anything_else_is_refused(desk: Desk, cursor: str) -> None:
    asked = {"direction": "DEBIT", "sort": "amount"}
    for place in range(0, len(cursor), 3):
        other = "A" if cursor[place] != "A" else "B"
        changed = cursor[:place] + other + cursor[place + 1 :]
        answer = desk.reason(desk.town.anna, PAYMENTS, cursor=changed, **asked)
        assert answer == (400, "invalid_cursor"), place
    for changed in (cursor[:-4], cursor + "AAAA", "", "=", "a" * 1_500):
        answer = desk.reason(desk.town.anna, PAYMENTS, cursor=changed, **asked)
        assert answer == (400, "invalid_cursor"), changed


def test_a_cursor_shows_no_more_than_its_bearer_may_see(desk: Desk, cursor: str) -> None:
    asked = {"direction": "DEBIT", "sort": "amount", "cursor": cursor}
    for row in desk.data(desk.town.boris, PAYMENTS, **asked):
        assert row["user_id"] == desk.town.boris


def test_a_walk_meets_every_old_row_once_whatever_comes_in_between(own_desk: Desk) -> None:
    town, numbers = own_desk.town, count()
    old = [row["id"] for row in everything(own_desk, PAYMENTS)]
    seen: list[str] = []
    for page in walk(own_desk, town.ada, PAYMENTS, 3, scope="all", sort="status,inserted_at:desc"):
        seen += [row["id"] for row in page]
        town.history.payment(town.his, 100 + next(numbers))
        town.settle()
    assert sorted(each for each in seen if each in old) == sorted(old)
