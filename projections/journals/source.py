"""What a journal is made of: accounts and postings in the order they came, page by page."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeAlias

import msgspec

from projections.postings import Line
from schema.postgres import Pool

PAGE_ROWS = 500
"""As many as are made ready at once: a journal of any length takes the memory of a page."""


class Extent(msgspec.Struct, frozen=True):
    """How far a journal goes: it is the same for ever for one extent."""

    at: str
    position: int


class Opened(msgspec.Struct, frozen=True):
    """A customer's account from the moment it was opened."""

    opened_at: str
    id: str
    currency: str


class Booked(msgspec.Struct, frozen=True):
    """A posting; the amounts of its entries are signed from the account's point of view."""

    position: int
    id: str
    kind: str
    booked_at: str
    entries: tuple[Line, ...]


Row: TypeAlias = tuple[Any, ...]
lines_in = msgspec.json.Decoder(tuple[Line, ...]).decode


async def extent_of(pool: Pool, at: str | None) -> Extent | None:
    """Return the extent of everything booked up to `at`, or of all; None when nothing was."""
    [row] = await fetched(pool, EXTENT, {"at": at})
    position, last = row
    return None if position is None else Extent(at or last, position)


async def accounts(pool: Pool, extent: Extent) -> AsyncIterator[list[Opened]]:
    """Yield the customers' accounts there were, oldest first."""
    reach = {"until": extent.at, "limit": PAGE_ROWS}
    behind = {"opened_at": "", "id": NOBODY}
    full = True
    while full:
        page = [Opened(*row) for row in await fetched(pool, ACCOUNTS, reach | behind)]
        yield page
        full = len(page) == PAGE_ROWS
        behind = {"opened_at": page[-1].opened_at, "id": page[-1].id} if page else {}


async def postings(pool: Pool, extent: Extent) -> AsyncIterator[list[Booked]]:
    """Yield what was booked, in order."""
    reach = {"until": extent.at, "last": extent.position, "limit": PAGE_ROWS}
    behind: dict[str, Any] = {"booked_at": "", "position": 0}
    full = True
    while full:
        rows = await fetched(pool, POSTINGS, reach | behind)
        page = [booked(row) for row in rows]
        yield page
        full = len(page) == PAGE_ROWS
        behind = {"booked_at": page[-1].booked_at, "position": page[-1].position} if page else {}


def booked(row: Row) -> Booked:
    """Return a posting as the database gives it."""
    position, posting_id, kind, booked_at, entries = row
    return Booked(position, posting_id, kind, booked_at, lines_in(entries))


async def fetched(pool: Pool, query: str, asked: Mapping[str, Any]) -> list[Row]:
    """Return the rows of one page; no connection is kept for the next."""
    async with pool.connection() as connection:
        return await (await connection.execute(query.encode(), asked)).fetchall()


NOBODY = "00000000-0000-0000-0000-000000000000"
EXTENT = """
SELECT max(position), max(booked_at) FROM (
    SELECT position, booked_at FROM read.postings
    WHERE %(at)s::text IS NULL OR booked_at <= %(at)s
    ORDER BY booked_at DESC, position DESC
    LIMIT 1
) AS newest
"""
ACCOUNTS = """
SELECT inserted_at, id::text, currency FROM read.accounts
WHERE inserted_at <= %(until)s AND (inserted_at, id) > (%(opened_at)s, %(id)s)
ORDER BY inserted_at, id
LIMIT %(limit)s
"""
POSTINGS = """
SELECT position, id::text, kind, booked_at, entries FROM read.postings
WHERE (booked_at, position) > (%(booked_at)s, %(position)s)
    AND (booked_at, position) <= (%(until)s, %(last)s)
ORDER BY booked_at, position
LIMIT %(limit)s
"""
