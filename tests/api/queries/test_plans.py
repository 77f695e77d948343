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
from ops.embedded.postgres import Place
from projections import accounts, payments, statements, transactions, transfers
from projections.cursors import Cursors
from projections.page import Keyset, Listing, Wanted, parse
from projections.selects import Page
from projections.statements import PAGE_LINES, Account, Line, Period
from schema.postgres import Pool, open_pool
from tests.api.queries.conftest import copied

ROWS, LIMIT = 60_000, 50
"""Half of the rows are hers, one in fifty is his, the others belong to people with a few each."""
CURSORS = Cursors(b"c" * 32)
HERS, HIS, ANNA, BORIS, SOMEBODY = (
    derived_id("plans", name) for name in ("hers", "his", "anna", "boris", "somebody")
)
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


@pytest.fixture(scope="module")
def large(postgres_server: Place, migrated: str) -> Iterator[str]:
    """Give a database with one large account among others."""
    values = {"rows": ROWS, "hers": HERS, "his": HIS, "anna": ANNA, "boris": BORIS}
    with copied(postgres_server, migrated) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            for table, statement in FILL.items():
                connection.execute(statement.encode(), values)
                connection.execute(f"ANALYZE read.{table}".encode())
        yield database


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


def check(plan: dict[str, Any], *indexes: str) -> None:
    """The rows come in order out of `indexes` (or any), few more of them than are shown."""
    scans = [node for node in nodes(plan) if told(node)]
    assert scans, plan
    assert {node["Node Type"] for node in scans} == {"Index Scan"}
    assert not indexes or {node["Index Name"] for node in scans} == set(indexes)
    assert sum(map(rows_read, scans)) <= (1 if indexes else 10) * len(scans) * (LIMIT + 1)
    sorts = [node for node in nodes(plan) if node["Node Type"] == "Sort"]
    assert all(node["Actual Rows"] <= LIMIT + 1 for node in sorts)


def rows_read(node: dict[str, Any]) -> int:
    """Return how many rows a scan has looked at."""
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(rows * node["Actual Loops"])


def told(node: dict[str, Any]) -> str:
    """Return the table that a node reads, if it is one of the lists'."""
    return node["Relation Name"] if node.get("Relation Name") in FILL else ""


def at(listing: Listing, place: int | None, **asked: str) -> Wanted:
    """Return the first page of a list, or the page behind row number `place`."""
    first = parse(listing, {"limit": str(LIMIT), **asked}, CURSORS)
    if place is None:
        return first
    return msgspec.structs.replace(first, paging=Keyset(LIMIT, (time(place), SOMEBODY)))


def time(number: int) -> str:
    return f"2025-01-01T{number:015d}Z"


def rows_of(page: Page) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = msgspec.json.decode(page.data)
    assert len({row["id"] for row in rows}) == LIMIT
    assert page.pagination["has_more"] is True
    return rows


PLACES = pytest.mark.parametrize("place", [None, 47_999, 4_999])


@PLACES
@pytest.mark.parametrize("account_id", [HERS, HIS])
@pytest.mark.parametrize("sort", ["posted_at:desc", "posted_at:asc"])
def test_transactions_of_an_account(
    large: str, account_id: str, place: int | None, sort: str
) -> None:
    found = at(transactions.LISTING, place, account_id=account_id, sort=sort)
    page, plan = carried_out(large, lambda pool: transactions.page(pool, found, None, None))
    rows = rows_of(page)
    assert {row["account_id"] for row in rows} == {account_id}
    times = [row["posted_at"] for row in rows]
    down = sort.endswith("desc")
    assert times == sorted(times, reverse=down)
    assert place is None or (times[0] < time(place)) is down
    check(plan, *(["transactions_of_account"] if account_id == HIS else []))


@PLACES
@pytest.mark.parametrize("owner", [ANNA, BORIS, None])
def test_transactions_of_a_person_and_of_all(
    large: str, place: int | None, owner: str | None
) -> None:
    found = at(transactions.LISTING, place)
    page, plan = carried_out(large, lambda pool: transactions.page(pool, found, owner, owner))
    assert owner is None or {row["user_id"] for row in rows_of(page)} == {owner}
    indexes = {ANNA: (), BORIS: ("transactions_of_user",), None: ("transactions_newest",)}
    check(plan, *indexes[owner])


@PLACES
@pytest.mark.parametrize(
    ("owner", "asked", "indexes"),
    [
        (ANNA, {}, ()),
        (BORIS, {}, ("payments_of_user",)),
        (None, {}, ("payments_newest",)),
        (None, {"account_id": HERS}, ()),
        (None, {"account_id": HIS}, ("payments_of_account",)),
        (None, {"status": "FAILED"}, ("payments_of_status",)),
    ],
)
def test_payments(
    large: str,
    place: int | None,
    owner: str | None,
    asked: dict[str, str],
    indexes: tuple[str, ...],
) -> None:
    found = at(payments.LISTING, place, **asked)
    page, plan = carried_out(large, lambda pool: payments.page(pool, found, owner))
    rows_of(page)
    check(plan, *indexes)


@PLACES
@pytest.mark.parametrize("owner", [ANNA, BORIS])
def test_transfers_seen_from_either_side(large: str, place: int | None, owner: str) -> None:
    found = at(transfers.LISTING, place)
    page, plan = carried_out(large, lambda pool: transfers.page(pool, found, owner))
    rows_of(page)
    both = ("transfers_of_source_user", "transfers_of_destination_user")
    check(plan, *(both if owner == BORIS else ()))


@PLACES
@pytest.mark.parametrize("owner", [ANNA, BORIS])
def test_accounts_of_a_person(large: str, place: int | None, owner: str) -> None:
    view = accounts.View("2026-01-01T00:00:00.000000Z", {"CHECKING": "1"}, "1")
    found = at(accounts.LISTING, place)
    page, plan = carried_out(large, lambda pool: accounts.page(pool, found, owner, view))
    rows_of(page)
    check(plan, *(["accounts_of_user"] if owner == BORIS else []))


@PLACES
@pytest.mark.parametrize("account_id", [HERS, HIS])
def test_a_page_of_a_statement(large: str, account_id: str, place: int | None) -> None:
    async def run() -> tuple[list[Line], dict[str, Any]]:
        pool = await open_pool(large, 1, "ledgerbank_app")
        async with pool:
            watched = Watched(pool)
            account, period = Account(account_id, ANNA, "USD"), Period(time(place or 0), "2026")
            pages = statements.lines(cast("Pool", watched), account, period, ROWS)
            return await anext(pages), watched.plans[0]

    lines, plan = asyncio.run(run())
    assert len(lines) in {PAGE_LINES, (ROWS - (place or 0)) // 50}
    assert lines == sorted(lines, key=lambda line: line.position)
    scans = [node for node in nodes(plan) if told(node)]
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(map(rows_read, scans)) <= (2 if account_id == HERS else 1) * (PAGE_LINES + 50)


@pytest.mark.parametrize("account_id", [HERS, HIS])
def test_balances_around_a_period_that_does_not_add_up(large: str, account_id: str) -> None:
    async def run() -> dict[str, Any]:
        pool = await open_pool(large, 1, "ledgerbank_app")
        async with pool:
            watched = Watched(pool)
            account, period = Account(account_id, ANNA, "USD"), Period(time(30_000), time(30_100))
            with pytest.raises(AssertionError, match="adds up"):
                await statements.figures_of(cast("Pool", watched), account, period)
            return watched.plans[0]

    scans = [node for node in nodes(asyncio.run(run())) if told(node)]
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Bitmap Heap Scan"}
    assert sum(map(rows_read, scans)) <= 2 * 150


AT = "'2025-01-01T' || lpad(n::text, 15, '0') || 'Z'"
WHOSE = """CASE WHEN n %% 2 = 0 THEN %(hers)s WHEN n %% 50 = 1 THEN %(his)s
    ELSE md5((n %% 1000)::text) END::uuid"""
WHO = WHOSE.replace("hers", "anna").replace("his", "boris")
SOURCE = WHO.replace("n %% 2 = 0", "n %% 4 = 0")
DESTINATION = WHO.replace("n %% 2 = 0", "n %% 4 = 2").replace("%% 50 = 1", "%% 50 = 3")
NUMBERS = "FROM generate_series(1, %(rows)s) AS n"
FILL = {
    "transactions": f"""
INSERT INTO read.transactions (id, account_id, user_id, type, status, amount, currency, direction,
    description, balance_after, position, booked_at, inserted_at, updated_at)
SELECT gen_random_uuid(), {WHOSE}, {WHO}, 'TRANSFER', 'POSTED', n, 'USD', 'DEBIT', 'Rent', 0, n,
    {AT}, {AT}, {AT} {NUMBERS}
""",
    "payments": f"""
INSERT INTO read.payments (id, user_id, user_bank_account_id, amount, currency, direction,
    payment_type, status, processing, priority, rail, created_by, version, inserted_at, updated_at)
SELECT gen_random_uuid(), {WHO}, {WHOSE}, n, 'USD', 'DEBIT', 'WITHDRAWAL',
    CASE n %% 50 WHEN 7 THEN 'FAILED' ELSE 'COMPLETED' END, 'manual', 0, 'book', '', 1,
    {AT}, {AT} {NUMBERS}
""",
    "transfers": f"""
INSERT INTO read.transfers (id, status, source_account_id, destination_account_id, source_user_id,
    destination_user_id, amount, currency, destination_amount, destination_currency, posting_id,
    initiated_by, posted_at, version, inserted_at, updated_at)
SELECT gen_random_uuid(), 'POSTED', {SOURCE}, {DESTINATION}, {SOURCE}, {DESTINATION},
    n, 'USD', n, 'USD', gen_random_uuid(), '', {AT}, 1, {AT}, {AT} {NUMBERS}
""",
    "accounts": f"""
INSERT INTO read.accounts (id, user_id, currency, account_type, status, balance, held, credit_limit,
    spent_day, spent, last_four, named_in, holds, version, inserted_at, updated_at)
SELECT gen_random_uuid(), {WHO}, 'USD', 'CHECKING', 'ACTIVE', n, 0, 0, '', 0, '', 1, '[]',
    1, {AT}, {AT} {NUMBERS}
""",
}
