"""Every list there is, found by itself: walked in every order while rows come in (AC-25)."""

import asyncio
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

import msgspec
import psycopg
import pytest
from psycopg import sql

import projections
from ops.embedded.postgres import Place
from projections.page import Listing, parse
from projections.selects import Page, fetch_page
from schema.postgres import Pool, open_pool
from tests.api.queries.conftest import copied
from tests.projections.test_page import CURSORS

ROWS, COMING, STEPS = 28, 5, 3
TABLE = re.compile(r"read\.(\w+)")
LONG_AGO = "2025-01-01T00:00:00.000000Z"


def listings() -> Iterator[Listing]:
    """Yield the lists of all modules of the read side whose rows lie in one table."""
    for module in iter_modules(projections.__path__, "projections."):
        for each in vars(import_module(module.name)).values():
            if isinstance(each, Listing) and TABLE.fullmatch(each.table):
                yield each


LISTINGS = {each.name: msgspec.structs.replace(each, shape="id") for each in listings()}


@pytest.fixture(scope="module")
def database(postgres_server: Place, migrated: str) -> Iterator[psycopg.Connection]:
    with (
        copied(postgres_server, migrated) as address,
        psycopg.connect(address, autocommit=True) as connection,
    ):
        yield connection


def value_of(column: str, kind: str, *, absent: bool) -> str:
    """Return SQL for a value of row `n`; values repeat, so that the id has to break ties."""
    match kind:
        case "uuid":
            value = "gen_random_uuid()"
        case "text" if column.endswith(("_at", "day")):
            value = "format('2025-03-01T09:00:0%%s.000000Z', n %% 7)"
        case "text":
            value = "'USD'" if "currency" in column else f"'{column}' || n %% 3"
        case "boolean":
            value = "n %% 2 = 0"
        case "jsonb" | "json":
            value = "'{}'"
        case "ARRAY":
            value = "'{}'"
        case "timestamp with time zone":
            value = "now() - n %% 7 * interval '1 s'"
        case _:
            value = "n %% 5"
    return f"CASE WHEN n %% 4 = 0 THEN NULL ELSE {value} END" if absent else value


def fill(database: psycopg.Connection, listing: Listing, rows: int) -> None:
    """Add rows that nobody decided upon, as the reading role would."""
    table = listing.table.removeprefix("read.")
    absent = {each.expression for each in listing.sorts.values() if each.nullable}
    columns = database.execute(COLUMNS, (table,)).fetchall()
    assert columns, f"{listing.table} is a table"
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    values = ", ".join(value_of(name, kind, absent=name in absent) for name, kind in columns)
    statement = sql.SQL(FILL).format(sql.Identifier("read", table), names, sql.SQL(values))
    database.execute(statement, (rows,))


async def page_of(pool: Pool, listing: Listing, asked: dict[str, str]) -> Page:
    return await fetch_page(pool, listing, parse(listing, asked, CURSORS), None, {"now": LONG_AGO})


def ids_of(page: Page) -> list[str]:
    return [row["id"] for row in msgspec.json.decode(page.data)]


async def walk(
    pool: Pool, listing: Listing, sort: str, limit: int, between: Callable[[], None] | None = None
) -> list[list[str]]:
    """Follow cursors to the end; `between` happens after each of the first pages."""
    pages: list[list[str]] = []
    asked = {"limit": str(limit), "sort": sort}
    while True:
        page = await page_of(pool, listing, asked)
        pages.append(ids_of(page))
        cursor = page.pagination["next_cursor"]
        assert page.pagination["has_more"] is (cursor is not None)
        if cursor is None:
            return pages
        asked["cursor"] = cursor
        if between is not None and len(pages) <= STEPS:
            await asyncio.to_thread(between)


@pytest.mark.parametrize("name", LISTINGS)
def test_a_walk_shows_every_old_row_once_whatever_comes_in(
    database: psycopg.Connection, name: str
) -> None:
    listing = LISTINGS[name]
    other_way = listing.usual.replace(":desc", ":asc")
    coming = partial(fill, database, listing, COMING)

    async def walking() -> None:
        async with await open_pool(database.info.dsn, 1, "ledgerbank_app") as pool:
            for sort in (listing.usual, other_way, *listing.sorts):
                database.execute(f"TRUNCATE {listing.table}".encode())
                fill(database, listing, ROWS)
                numbered = await page_of(pool, listing, {"page_size": "100", "sort": sort})
                old = ids_of(numbered)
                assert len(old) == ROWS == numbered.pagination["total_count"]
                halves = await walk(pool, listing, sort, ROWS // 2)
                assert halves == [old[: ROWS // 2], old[ROWS // 2 :]]
                seen = [row for page in await walk(pool, listing, sort, 9, coming) for row in page]
                assert len(seen) == len(set(seen))
                assert [row for row in seen if row in set(old)] == old

    asyncio.run(walking())


def test_the_lists_are_found() -> None:
    assert {"users", "accounts", "transactions", "payments", "audit_log"} <= LISTINGS.keys()


COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = 'read' AND table_name = %s
"""
FILL = "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, %s) AS n"
