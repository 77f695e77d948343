"""Items: one row as the wire shows it, with what a rights check needs to know."""

from typing import Any

import msgspec

from projections.selects import Values
from schema.postgres import Pool


class Item(msgspec.Struct, frozen=True):
    """One item as JSON, its version (None: it has no ETag), and the ids of its owners."""

    data: bytes
    version: int | None
    owners: frozenset[str]


async def fetch_item(pool: Pool, query: bytes, values: Values) -> Item | None:
    """Read one item; None when there is none."""
    async with pool.connection() as connection:
        row: tuple[Any, ...] | None = await (await connection.execute(query, values)).fetchone()
    return None if row is None else Item(row[0], row[1], frozenset(row[2]))


def item_query(table: str, shape: str, version: str, owners: str) -> bytes:
    """Return the statement that shapes the row `%(id)s` of `table`."""
    return "\n".join((
        "SELECT (SELECT to_json(shape)",
        f"FROM (SELECT {shape}) AS shape), {version}, {owners}",
        f"FROM {table} AS t",
        "WHERE id = %(id)s",
    )).encode()  # fmt: skip
