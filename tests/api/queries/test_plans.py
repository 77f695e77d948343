"""Lists follow an index: a page deep in a large account reads no more rows than it shows."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger.identity import derived_id
from projections import accounts, payments, transactions, transfers
from projections.cursors import Cursors
from projections.page import Keyset, Listing, Wanted, parse
from projections.selects import Page
from schema.postgres import Pool, open_pool

ROWS, LIMIT = 50_000, 50
CURSORS = Cursors(b"c" * 32)
HERS, HIS, ANNA, BORIS = (derived_id("plans", name) for name in ("hers", "his", "anna", "boris"))
Ask = Callable[[Pool], Coroutine[Any, Any, Page]]


class Watched:
    """A pool that keeps how the database carries out what it is asked."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.plans: list[dict[str, Any]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Watched"]:
        async with self.pool.connection() as connection:
            self.inner: AsyncConnection[Any] = connection
            yield self

    async def execute(self, query: bytes, values: dict[str, Any]) -> Any:
        explained = await self.inner.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + query, values)
        ((plan,),) = await explained.fetchall()
        self.plans.append(msgspec.json.decode(plan)[0]["Plan"])
        return await self.inner.execute(query, values)


@pytest.fixture
def large(database: str) -> str:
    """Give a database with one large account among others."""
    values = {"rows": ROWS, "hers": HERS, "his": HIS, "anna": ANNA, "boris": BORIS}
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in (TRANSACTIONS, PAYMENTS, TRANSFERS, ACCOUNTS):
            connection.execute(statement.encode(), values)
        connection.execute("ANALYZE read.transactions, read.payments, read.transfers, read.accounts")
    return database


def carried_out(dsn: str, ask: Ask) -> tuple[Page, dict[str, Any]]:
    """Return a page and how the database read its rows."""

    async def run() -> tuple[Page, dict[str, Any]]:
        pool = await open_pool(dsn, 1, "ledgerbank_app")
        async with pool:
            watched = Watched(pool)
            return await ask(cast("Pool", watched)), watched.plans[0]

    return asyncio.run(run())


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def check(plan: dict[str, Any], index: str, most: int = LIMIT + 1) -> None:
    """The rows come from `index` in order, and no more of them than are needed."""
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"] and "read." in told(node)]
    assert scans, plan
    assert {node.get("Index Name", node["Node Type"]) for node in scans} == {index}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= most
    assert all(node.get("Rows Removed by Filter", 0) == 0 for node in scans)
    large_sorts = [node for node in nodes(plan) if node["Node Type"] == "Sort"]
    assert all(node["Actual Rows"] <= 2 * most for node in large_sorts)


def told(node: dict[str, Any]) -> str:
    known = {"transactions", "payments", "transfers", "accounts"}
    return f"read.{node['Relation Name']}" if node.get("Relation Name") in known else ""


def wanted(listing: Listing, **asked: str) -> Wanted:
    return parse(listing, {"limit": str(LIMIT), **asked}, CURSORS)


def deep(listing: Listing, number: int, sort: str | None = None, **asked: str) -> Wanted:
    """Return the page behind row `number` of a list in its usual order."""
    at, row_id = f"2025-01-01T{number:015d}Z", derived_id("plans", "place")
    first = wanted(listing, **asked, **({"sort": sort} if sort else {}))
    return msgspec.structs.replace(first, paging=Keyset(LIMIT, (at, row_id)))


@pytest.mark.parametrize("place", [None, 40_000, 3_000])
def test_transactions_of_a_large_account(large: str, place: int | None) -> None:
    listing, asked = transactions.LISTING, {"account_id": HERS}
    found = wanted(listing, **asked) if place is None else deep(listing, place, **asked)
    page, plan = carried_out(large, lambda pool: transactions.page(pool, found, None, None))
    rows = msgspec.json.decode(page.data)
    assert len(rows) == LIMIT
    assert page.pagination["has_more"] is True
    assert {row["account_id"] for row in rows} == {HERS}
    times = [row["posted_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert place is None or times[0] < f"2025-01-01T{place:015d}Z"
    check(plan, "transactions_of_account")


@pytest.mark.parametrize("place", [None, 40_000, 3_000])
@pytest.mark.parametrize("owner", [ANNA, None])
def test_transactions_of_a_person_and_of_all(
    large: str, place: int | None, owner: str | None
) -> None:
    listing = transactions.LISTING
    found = wanted(listing) if place is None else deep(listing, place)
    page, plan = carried_out(large, lambda pool: transactions.page(pool, found, owner, owner))
    assert len(msgspec.json.decode(page.data)) == LIMIT
    check(plan, "transactions_of_user" if owner else "transactions_newest")


def test_the_other_way_round(large: str) -> None:
    found = deep(transactions.LISTING, 40_000, "posted_at:asc", account_id=HERS)
    page, plan = carried_out(large, lambda pool: transactions.page(pool, found, None, None))
    assert msgspec.json.decode(page.data)[0]["posted_at"] >= "2025-01-01T000000000040000Z"
    check(plan, "transactions_of_account")


@pytest.mark.parametrize("place", [None, 40_000, 3_000])
def test_payments(large: str, place: int | None) -> None:
    listing = payments.LISTING
    for owner, asked, index in (
        (ANNA, {}, "payments_of_user"),
        (None, {}, "payments_newest"),
        (None, {"account_id": HERS}, "payments_of_account"),
        (None, {"status": "FAILED"}, "payments_of_status"),
    ):
        found = wanted(listing, **asked) if place is None else deep(listing, place, **asked)
        page, plan = carried_out(large, lambda pool: payments.page(pool, found, owner))  # noqa: B023  # carried out at once
        assert len(msgspec.json.decode(page.data)) == LIMIT
        check(plan, index)


@pytest.mark.parametrize("place", [None, 40_000, 3_000])
def test_transfers_seen_from_either_side(large: str, place: int | None) -> None:
    found = wanted(transfers.LISTING) if place is None else deep(transfers.LISTING, place)
    page, plan = carried_out(large, lambda pool: transfers.page(pool, found, ANNA))
    rows = msgspec.json.decode(page.data)
    assert len({row["id"] for row in rows}) == LIMIT
    scans = {node.get("Index Name") for node in nodes(plan) if told(node)}
    assert scans == {"transfers_of_source_user", "transfers_of_destination_user"}
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan) if told(node))
    assert read <= 2 * (LIMIT + 1)


def test_accounts_of_a_person(large: str) -> None:
    view = accounts.View("2026-01-01T00:00:00.000000Z", {"CHECKING": "1"}, "1")
    found = deep(accounts.LISTING, 40_000)
    page, plan = carried_out(large, lambda pool: accounts.page(pool, found, ANNA, view))
    assert len(msgspec.json.decode(page.data)) == LIMIT
    check(plan, "accounts_of_user")


AT = "'2025-01-01T' || lpad(n::text, 15, '0') || 'Z'"
TRANSACTIONS = f"""
INSERT INTO read.transactions (id, account_id, user_id, type, status, amount, currency, direction,
    description, position, booked_at, inserted_at, updated_at)
SELECT gen_random_uuid(), CASE n %% 10 WHEN 0 THEN %(his)s ELSE %(hers)s END::uuid,
    CASE n %% 10 WHEN 0 THEN %(boris)s ELSE %(anna)s END::uuid,
    'TRANSFER', 'POSTED', n, 'USD', 'DEBIT', 'Rent', n, {AT}, {AT}, {AT}
FROM generate_series(1, %(rows)s) AS n
"""
PAYMENTS = f"""
INSERT INTO read.payments (id, user_id, user_bank_account_id, amount, currency, direction,
    payment_type, status, processing, priority, rail, created_by, version, inserted_at, updated_at)
SELECT gen_random_uuid(), CASE n %% 10 WHEN 0 THEN %(boris)s ELSE %(anna)s END::uuid,
    CASE n %% 10 WHEN 0 THEN %(his)s ELSE %(hers)s END::uuid, n, 'USD', 'DEBIT', 'WITHDRAWAL',
    CASE n %% 20 WHEN 1 THEN 'FAILED' ELSE 'COMPLETED' END, 'manual', 0, 'book', '', 1,
    {AT}, {AT}
FROM generate_series(1, %(rows)s) AS n
"""
TRANSFERS = f"""
INSERT INTO read.transfers (id, status, source_account_id, destination_account_id, source_user_id,
    destination_user_id, amount, currency, destination_amount, destination_currency, posting_id,
    initiated_by, posted_at, version, inserted_at, updated_at)
SELECT gen_random_uuid(), 'POSTED',
    CASE n %% 2 WHEN 0 THEN %(his)s ELSE %(hers)s END::uuid,
    CASE n %% 2 WHEN 0 THEN %(hers)s ELSE %(his)s END::uuid,
    CASE n %% 2 WHEN 0 THEN %(boris)s ELSE %(anna)s END::uuid,
    CASE n %% 2 WHEN 0 THEN %(anna)s ELSE %(boris)s END::uuid,
    n, 'USD', n, 'USD', gen_random_uuid(), '', {AT}, 1, {AT}, {AT}
FROM generate_series(1, %(rows)s) AS n
"""
ACCOUNTS = f"""
INSERT INTO read.accounts (id, user_id, currency, account_type, status, balance, held, credit_limit,
    spent_day, spent, last_four, version, inserted_at, updated_at)
SELECT gen_random_uuid(), CASE n %% 10 WHEN 0 THEN %(boris)s ELSE %(anna)s END::uuid, 'USD',
    'CHECKING', 'ACTIVE', n, 0, 0, '', 0, '', 1, {AT}, {AT}
FROM generate_series(1, %(rows)s) AS n
"""
