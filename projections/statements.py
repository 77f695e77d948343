"""Statements: what was booked on one account in a period, page by page (ledger.md §9).

Entries are only ever added behind the last one, and every entry keeps the balance it left: what
a statement says about a period that is over never changes, and both its balances are looked up.
"""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import msgspec

from projections.transactions import SHAPE
from schema.postgres import Pool

PAGE_LINES = 500
"""As many as are made ready at once: a statement of any length takes the memory of a page."""


class Period(msgspec.Struct, frozen=True):
    """The time a statement covers: UTC texts, both ends included."""

    since: str
    until: str


class Account(msgspec.Struct, frozen=True):
    """Whose account it is, and its currency."""

    id: str
    owner: str
    currency: str


class Figures(msgspec.Struct, frozen=True):
    """What a period comes to, in minor units; `last` is the position of its last posting."""

    opening: int
    closing: int
    credits: int
    debits: int
    credit_entries: int
    debit_entries: int
    last: int


class Line(msgspec.Struct, frozen=True, gc=False):
    """One entry of a statement; amounts are minor units."""

    booked_at: str
    position: int
    id: str
    type: str
    direction: str
    amount: int
    balance_after: int
    description: str | None
    reference: str | None
    posting_id: str
    payment_id: str | None
    transfer_id: str | None


Row: TypeAlias = tuple[Any, ...]


async def account_of(pool: Pool, account_id: str) -> Account | None:
    """Return the account, or None when there is none."""
    async with pool.connection() as connection:
        row = await (await connection.execute(ACCOUNT, (account_id,))).fetchone()
    return None if row is None else Account(*row)


async def figures_of(pool: Pool, account: Account, period: Period) -> Figures:
    """Return the balances around a period and what happened in between."""
    asked = {"account_id": account.id, "since": period.since, "until": period.until}
    async with pool.connection() as connection:
        row = await (await connection.execute(FIGURES.encode(), asked)).fetchone()
    assert row is not None, "an aggregate has one row"
    figures = Figures(*(int(each) for each in row))
    moved = figures.credits - figures.debits
    assert figures.opening + moved == figures.closing, f"the statement of {account.id} adds up"
    return figures


async def lines(
    pool: Pool, account: Account, period: Period, last: int
) -> AsyncIterator[list[Line]]:
    """Yield the entries of a period in booking order, up to position `last`."""
    async for rows in pages(pool, account, period, last, PLAIN):
        yield [Line(*row) for row in rows]


async def shaped_lines(
    pool: Pool, account: Account, period: Period, last: int, viewer: str | None
) -> AsyncIterator[list[bytes]]:
    """Yield the same as JSON Transactions, as `viewer` (None: a reader) may see them."""
    async for rows in pages(pool, account, period, last, SHAPED, viewer=viewer):
        yield [row[3] for row in rows]


async def pages(
    pool: Pool, account: Account, period: Period, last: int, query: bytes, **more: Any
) -> AsyncIterator[list[Row]]:
    """Yield rows page by page; no connection is kept while nobody asks for the next one."""
    asked = {
        "account_id": account.id,
        "until": period.until,
        "last": last,
        "limit": PAGE_LINES,
        **more,
    }
    place: Row = (period.since, 0, account.id)
    full = True
    while full:
        behind = dict(zip(PLACE, place, strict=True))
        async with pool.connection() as connection:
            rows = await (await connection.execute(query, asked | behind)).fetchall()
        full = len(rows) == PAGE_LINES
        if rows:
            yield rows
            place = rows[-1][: len(PLACE)]


PLACE = ("booked_at", "position", "id")
ACCOUNT = "SELECT id::text, user_id::text, currency FROM read.accounts WHERE id = %s"
FIGURES = """
WITH earlier AS (
    SELECT balance_after FROM read.transactions
    WHERE account_id = %(account_id)s AND status = 'POSTED' AND booked_at < %(since)s
    ORDER BY booked_at DESC, position DESC, id DESC
    LIMIT 1
), latest AS (
    SELECT balance_after, position FROM read.transactions
    WHERE account_id = %(account_id)s AND status = 'POSTED' AND booked_at <= %(until)s
    ORDER BY booked_at DESC, position DESC, id DESC
    LIMIT 1
), covered AS (
    SELECT
        coalesce(sum(amount) FILTER (WHERE direction = 'CREDIT'), 0) AS credits,
        coalesce(sum(amount) FILTER (WHERE direction = 'DEBIT'), 0) AS debits,
        count(*) FILTER (WHERE direction = 'CREDIT') AS credit_entries,
        count(*) FILTER (WHERE direction = 'DEBIT') AS debit_entries
    FROM read.transactions
    WHERE account_id = %(account_id)s AND status = 'POSTED'
        AND booked_at BETWEEN %(since)s AND %(until)s
)
SELECT
    coalesce((SELECT balance_after FROM earlier), 0),
    coalesce((SELECT balance_after FROM latest), 0),
    credits, debits, credit_entries, debit_entries,
    coalesce((SELECT position FROM latest), 0)
FROM covered
"""
NEXT = """
FROM read.transactions AS t
WHERE account_id = %(account_id)s AND status = 'POSTED'
    AND booked_at >= %(booked_at)s AND booked_at <= %(until)s AND position <= %(last)s
    AND (booked_at, position, id) > (%(booked_at)s, %(position)s, %(id)s)
ORDER BY booked_at, position, id
LIMIT %(limit)s
"""
COLUMNS = """
SELECT booked_at, position, id::text, type, direction, amount, balance_after,
    description, reference, posting_id::text, payment_id::text, transfer_id::text
"""
PLAIN = (COLUMNS + NEXT).encode()
SHAPED = "\n".join((
    "SELECT booked_at, position, id::text, (SELECT to_json(shape)",
    f"FROM (SELECT {SHAPE}) AS shape)",
    NEXT,
)).encode()  # fmt: skip
