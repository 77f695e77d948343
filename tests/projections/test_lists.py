"""Lists give every row once, in the order asked for, however they are walked."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any

import msgspec
import psycopg
import pytest

from projections import accounts, banks, holds, payments, transactions, transfers, users
from projections.page import Listing, Wanted, parse
from projections.selects import Page, fetch_page
from schema.postgres import Pool, open_pool
from tests.projections.conftest import followed, wait_for
from tests.projections.history import History
from tests.projections.scripts import Script
from tests.projections.test_page import CURSORS

Fetch = Callable[[Pool, Wanted], Awaitable[Page]]
NOW = "2026-01-01T00:00:00.000000Z"
VALUES = {
    "now": NOW,
    "viewer": None,
    "daily": '{"CHECKING": "1000.00"}',
    "single": "10000.00",
}


@pytest.fixture
def bank(database: str, history: History) -> Script:
    """Give a bank with some hundred rows of every kind, up to date."""
    script = Script(history)
    script.play(range(300))
    settle(database, history)
    return script


def settle(dsn: str, history: History) -> None:
    head = history.write(dsn)
    with followed(dsn):
        wait_for(dsn, head)


def fetch(dsn: str, listing: Listing, owner: str | None = None, **parameters: str) -> Page:
    """Fetch one page."""
    return asyncio.run(fetching(dsn, listing, owner, parameters))


async def fetching(
    dsn: str, listing: Listing, owner: str | None, parameters: dict[str, str]
) -> Page:
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        wanted = parse(listing, parameters, CURSORS)
        return await fetch_page(pool, listing, wanted, owner, VALUES)


def walk(
    dsn: str,
    listing: Listing,
    owner: str | None = None,
    /,
    **parameters: str,
) -> list[dict[str, Any]]:
    """Follow cursors from the first page to the last."""

    async def walking() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        asked = parameters
        async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
            while True:
                wanted = parse(listing, asked, CURSORS)
                page = await fetch_page(pool, listing, wanted, owner, VALUES)
                found = msgspec.json.decode(page.data)
                assert len(found) <= int(parameters.get("limit", "20"))
                items += found
                cursor = page.pagination["next_cursor"]
                assert page.pagination["has_more"] is (cursor is not None)
                if cursor is None:
                    return items
                assert len(found) == int(parameters.get("limit", "20"))
                asked = {**parameters, "cursor": cursor}

    return asyncio.run(walking())


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def count(dsn: str, table: str, condition: str = "true") -> int:
    with psycopg.connect(dsn) as connection:
        query = f"SELECT count(*) FROM read.{table} WHERE {condition}"
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


LISTINGS = {
    each.name: each
    for each in (
        users.LISTING,
        accounts.LISTING,
        transactions.LISTING,
        payments.LISTING,
        transfers.LISTING,
        holds.LISTING,
        banks.LISTING,
        banks.BRANCHES,
    )
}


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=list(LISTINGS))
def test_both_ways_of_paging_give_every_row_once(
    database: str, bank: Script, listing: Listing
) -> None:
    assert bank.accounts
    expected = count(database, listing.name)
    assert expected
    for field, direction in product(listing.sorts, ("asc", "desc")):
        sort = f"{field}:{direction}"
        walked = ids(walk(database, listing, limit="7", sort=sort))
        assert len(walked) == len(set(walked)) == expected
        paged: list[str] = []
        for number in range(1, -(-expected // 100) + 1):
            page = fetch(database, listing, page=str(number), page_size="100", sort=sort)
            paged += ids(msgspec.json.decode(page.data))
            assert page.pagination == {
                "type": "offset",
                "page": number,
                "page_size": 100,
                "total_count": expected,
                "total_pages": -(-expected // 100),
                "has_next": number < -(-expected // 100),
                "has_prev": number > 1,
            }
        assert walked == paged


@pytest.mark.parametrize(
    "sort",
    [
        "status:desc,posted_at:asc,amount:desc",
        "posted_at:asc,status:desc",
        "posted_at:desc,inserted_at:asc",
        "scheduled_at:asc,currency:desc,posted_at:desc,amount:asc",
        "direction:desc,currency:asc",
    ],
)
def test_mixed_directions_and_absent_values_keep_their_order(
    database: str, bank: Script, sort: str
) -> None:
    assert bank.accounts
    walked = walk(database, payments.LISTING, limit="3", sort=sort)
    assert len(set(ids(walked))) == count(database, "payments")
    with psycopg.connect(database) as connection:
        fields = [part.split(":") for part in sort.split(",")]
        fields.append(["id", fields[-1][1]])
        names = {"amount": "read.amount(amount, currency)"}
        order = ", ".join(f"{names.get(name, name)} {way}" for name, way in fields)
        query = f"SELECT id::text FROM read.payments ORDER BY {order}"
        expected = [row for (row,) in connection.execute(query.encode())]
    assert ids(walked) == expected


def test_owners_see_their_own_and_both_sides_of_a_transfer(database: str, bank: Script) -> None:
    for owner in bank.users:
        for listing in (accounts.LISTING, transactions.LISTING, payments.LISTING):
            mine = walk(database, listing, owner, limit="100")
            assert len(mine) == count(database, listing.name, f"user_id = '{owner}'")
            assert {item["user_id"] for item in mine} == {owner}
    inner = bank.history.account(bank.users[0])
    within = bank.history.transfer(bank.accounts[0], inner)
    settle(database, bank.history)
    for owner in bank.users:
        walked = ids(walk(database, transfers.LISTING, owner, limit="10"))
        either = f"'{owner}' IN (source_user_id, destination_user_id)"
        assert len(walked) == len(set(walked)) == count(database, "transfers", either)
        assert (within in walked) is (owner == bank.users[0])
    account = bank.accounts[1]
    either = f"'{account}' IN (source_account_id, destination_account_id)"
    listed = walk(database, transfers.LISTING, bank.users[1], limit="10", account_id=account)
    assert len(set(ids(listed))) == count(database, "transfers", either)
    page = fetch(database, transfers.LISTING, bank.users[1], page="2", account_id=account)
    assert page.pagination["total_count"] == len(listed)
    assert ids(msgspec.json.decode(page.data)) == ids(listed)[20:40]


FILTERS: list[tuple[Listing, dict[str, str], str]] = [
    (payments.LISTING, {"status": "failed"}, "status = 'FAILED'"),
    (payments.LISTING, {"currency": "JPY"}, "currency = 'JPY'"),
    (transactions.LISTING, {"direction": "credit"}, "direction = 'CREDIT'"),
    (transactions.LISTING, {"type": "Opening"}, "type = 'OPENING'"),
    (transactions.LISTING, {"q": "RENT 1"}, "description ILIKE '%rent 1%'"),
    (transactions.LISTING, {"q": "%"}, "false"),
    (
        transactions.LISTING,
        {"amount_min": "0.50", "amount_max": "20"},
        "amount / (CASE currency WHEN 'JPY' THEN 1.0 ELSE 100.0 END) BETWEEN 0.5 AND 20",
    ),
    (
        transactions.LISTING,
        {"date_from": "2025-03-01T09:00:00.1Z", "date_to": "2025-03-01T11:00:00.4+02:00"},
        "booked_at BETWEEN '2025-03-01T09:00:00.100000Z' AND '2025-03-01T09:00:00.400000Z'",
    ),
    (accounts.LISTING, {"account_type": "checking"}, "true"),
    (users.LISTING, {"active": "true"}, "true"),
    (users.LISTING, {"suspended": "true"}, "false"),
    (banks.LISTING, {"country": "us", "status": "ACTIVE"}, "true"),
    (holds.LISTING, {"status": "released"}, "status = 'RELEASED'"),
]


@pytest.mark.parametrize(("listing", "parameters", "condition"), FILTERS)
def test_filters_choose_what_they_say(
    database: str, bank: Script, listing: Listing, parameters: dict[str, str], condition: str
) -> None:
    assert bank.accounts
    expected = count(database, listing.name, condition)
    assert len(walk(database, listing, None, limit="50", **parameters)) == expected
    assert fetch(database, listing, **parameters).pagination["total_count"] == expected


def test_deleted_users_are_listed_only_when_asked_for(database: str, bank: Script) -> None:
    with psycopg.connect(database) as connection:
        query = "UPDATE read.users SET status = 'DELETED' WHERE id = %s"
        connection.execute(query, (bank.users[0],))
    assert ids(walk(database, users.LISTING, limit="5")) == [bank.users[1]]
    assert walk(database, users.LISTING, limit="5", status="ACTIVE", deleted="true") == []
    for asked in ({"status": "DELETED"}, {"deleted": "true"}):
        (found,) = walk(database, users.LISTING, None, limit="5", **asked)
        assert (found["id"], found["deleted"], found["active"]) == (bank.users[0], True, False)


def test_a_page_far_beyond_the_end_is_empty(database: str, bank: Script) -> None:
    assert bank.accounts
    page = fetch(database, payments.LISTING, page="9" * 15, page_size="100")
    assert page.data == b"[]"
    assert (page.pagination["has_next"], page.pagination["has_prev"]) == (False, True)
