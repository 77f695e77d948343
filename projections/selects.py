"""Selects: the SQL of a page, by offset or by keyset; the database makes the JSON."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from psycopg import AsyncConnection

from projections.cursors import Place
from projections.page import Keyset, Listing, Offset, Sort, Wanted
from schema.postgres import Pool

OFFSET_MAX = 2**62
IDENTITY = Sort("id", "uuid")
Values: TypeAlias = Mapping[str, Any]


class Page(msgspec.Struct, frozen=True):
    """The items as a JSON array, and `metadata.pagination`."""

    data: bytes
    pagination: dict[str, Any]


class Clauses(msgspec.Struct, frozen=True):
    """What the rows of a list have to meet: all of `common`, and one of `branches` if any."""

    common: tuple[str, ...]
    branches: tuple[str, ...]
    order: str


async def fetch_page(
    pool: Pool, listing: Listing, wanted: Wanted, owner: str | None, values: Values | None = None
) -> Page:
    """Read one page of the rows of `owner` (None: everybody's); `values` belong to the shape."""
    async with pool.connection() as connection:
        return await read_page(connection, listing, wanted, owner, values or {})


async def read_page(
    connection: AsyncConnection,
    listing: Listing,
    wanted: Wanted,
    owner: str | None,
    values: Values,
) -> Page:
    """Read one page over a connection."""
    given = {**wanted.filters, **values, "owner": owner}
    match wanted.paging:
        case Keyset(limit, after):
            given |= {f"k{index}": value for index, value in enumerate(after or ())}
            query = page_query(listing, wanted, clauses_of(listing, wanted, owner, after))
            rows = await fetch(connection, query, given | paged(limit + 1, 0))
            return keyset_page(rows, limit, wanted)
        case Offset(page, size):
            clauses = clauses_of(listing, wanted, owner, None)
            offset = min((page - 1) * size, OFFSET_MAX)
            query = page_query(listing, wanted, clauses)
            rows = await fetch(connection, query, given | paged(size, offset))
            ((total,),) = await fetch(connection, count_query(listing, clauses), given)
            return offset_page(rows, page, size, total)


def paged(limit: int, offset: int) -> dict[str, int]:
    """Return how many rows are wanted from where; `reach` is how far a branch must be read."""
    return {"limit": limit, "offset": offset, "reach": limit + offset}


async def fetch(connection: AsyncConnection, query: bytes, values: Values) -> list[tuple[Any, ...]]:
    """Read rows: of JSON followed by their sort keys, or of counts."""
    return await (await connection.execute(query, values)).fetchall()


def keyset_page(rows: Sequence[tuple[Any, ...]], limit: int, wanted: Wanted) -> Page:
    """Return at most `limit` rows; one more was asked for, to know whether there is any."""
    more, shown = len(rows) > limit, rows[:limit]
    pagination = {
        "type": "keyset",
        "limit": limit,
        "has_more": more,
        "next_cursor": wanted.sign(shown[-1][1:]) if more else None,
    }
    return Page(json_array(shown), pagination)


def offset_page(rows: Sequence[tuple[Any, ...]], page: int, size: int, total: int) -> Page:
    """Return the rows of one numbered page."""
    pages = -(-total // size)
    pagination = {
        "type": "offset",
        "page": page,
        "page_size": size,
        "total_count": total,
        "total_pages": pages,
        "has_next": page < pages,
        "has_prev": page > 1,
    }
    return Page(json_array(rows), pagination)


def json_array(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Join items that the database has made."""
    return b"[" + b",".join([row[0] for row in rows]) + b"]"


def clauses_of(listing: Listing, wanted: Wanted, owner: str | None, after: Place | None) -> Clauses:
    """Return the conditions of a page; alternatives that have indexes become branches."""
    asked = [each.condition for each in listing.filters if each.name in wanted.filters]
    if owner is not None:
        asked.append(listing.owner)
    if listing.hidden and not any(
        wanted.filters.get(name) == value for name, value in listing.shown_by
    ):
        asked.append((listing.hidden,))
    if after is not None:
        asked.append((behind(sorts_of(listing, wanted), after),))
    branches = next((each for each in asked if len(each) > 1), ())
    common = tuple(either(each) for each in asked if each is not branches)
    keys = zip(sorts_of(listing, wanted), wanted.order, strict=True)
    order = ", ".join(f"{sort.expression}{' DESC' * key.descending}" for (sort, _), key in keys)
    return Clauses(common, branches, order)


def either(alternatives: Sequence[str]) -> str:
    """Return the condition that one of `alternatives` holds."""
    return alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"


def sorts_of(listing: Listing, wanted: Wanted) -> list[tuple[Sort, bool]]:
    """Return the sort keys with whether they descend; the id is the last."""
    return [(listing.sorts.get(order.field, IDENTITY), order.descending) for order in wanted.order]


def behind(sorts: list[tuple[Sort, bool]], after: Place) -> str:
    """Return the condition for rows that sort behind the place `after` (parameters k0, k1, …).

    As PostgreSQL sorts: null comes last, first when descending.
    """
    keys = [(sort, down, f"%(k{index})s::{sort.type}") for index, (sort, down) in enumerate(sorts)]
    alike = len({down for _, down in sorts}) == 1
    if alike and not any(sort.nullable for sort, _ in sorts):
        left = ", ".join(sort.expression for sort, _, _ in keys)
        right = ", ".join(value for _, _, value in keys)
        return f"({left}) {'<' if sorts[0][1] else '>'} ({right})"
    options = []
    for index, (sort, down, value) in enumerate(keys):
        equal = [same(*keys[before][::2], after[before]) for before in range(index)]
        options.append(" AND ".join([*equal, past(sort, value, after[index], down=down)]))
    first, down, value = keys[0]
    bound = f" AND {first.expression} {'<=' if down else '>='} {value}"
    return f"({' OR '.join(options)}){'' if first.nullable else bound}"


def same(sort: Sort, value: str, told: str | None) -> str:
    """Return the condition that a key is the same as at the place."""
    return f"{sort.expression} IS NULL" if told is None else f"{sort.expression} = {value}"


def past(sort: Sort, value: str, told: str | None, *, down: bool) -> str:
    """Return the condition that a key lies behind the place."""
    if told is None:
        return f"{sort.expression} IS NOT NULL" if down else "false"
    if down:
        return f"{sort.expression} < {value}"
    later = f"{sort.expression} > {value}"
    return f"({later} OR {sort.expression} IS NULL)" if sort.nullable else later


def page_query(listing: Listing, wanted: Wanted, clauses: Clauses) -> bytes:
    """Return the statement that reads the rows of a page and shapes only those."""
    sorts = enumerate(sorts_of(listing, wanted))
    keys = [f"({sort.expression})::text AS k{index}" for index, (sort, _) in sorts]
    return "\n".join((
        "SELECT (SELECT to_json(shape)",
        f"FROM (SELECT {listing.shape}) AS shape), {', '.join(keys)}",
        f"FROM ({rows_query(listing, clauses)}) AS t",
        f"ORDER BY {clauses.order}",
    )).encode()  # fmt: skip


def rows_query(listing: Listing, clauses: Clauses) -> str:
    """Return the statement that finds the rows; each branch follows its own index."""
    if not clauses.branches:
        return ordered(listing.table, clauses.common, clauses.order, "%(limit)s OFFSET %(offset)s")
    found = []
    for index, branch in enumerate(clauses.branches):
        others = tuple(f"NOT ({each})" for each in clauses.branches[:index])
        conditions = (*clauses.common, branch, *others)
        found.append(f"({ordered(listing.table, conditions, clauses.order, '%(reach)s')})")
    union = f"({' UNION ALL '.join(found)}) AS found"
    return ordered(union, (), clauses.order, "%(limit)s OFFSET %(offset)s")


def ordered(source: str, conditions: Sequence[str], order: str, limit: str) -> str:
    """Return a statement for the first rows of `source` that meet all `conditions`."""
    return "\n".join((
        "SELECT *",
        f"FROM {source}",
        f"WHERE {' AND '.join(conditions) or 'true'}",
        f"ORDER BY {order}",
        f"LIMIT {limit}",
    ))  # fmt: skip


def count_query(listing: Listing, clauses: Clauses) -> bytes:
    """Return the statement that counts the rows of all pages."""
    conditions = [*clauses.common, *([either(clauses.branches)] if clauses.branches else [])]
    return "\n".join((
        "SELECT count(*)",
        f"FROM {listing.table}",
        f"WHERE {' AND '.join(conditions) or 'true'}",
    )).encode()  # fmt: skip
