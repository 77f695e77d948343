"""Compare: which rows of two copies of a table are not the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from psycopg import Connection, sql

from projections.rows import Table
from projections.shadow import NEW

CHUNK_ROWS = 20_000


def differences(
    live: Connection, copy: Connection, table: Table[Any], suffix: str = NEW
) -> list[str]:
    """Return `table key` of rows that only one copy has, or has otherwise.

    Both connections are in a database transaction of their own. Every row counts in a digest of
    its copy; only where these differ are rows told apart one by one. Equal rows cancel out, so
    memory is bounded by what differs.
    """
    with ThreadPoolExecutor(1) as beside:
        live_digest = beside.submit(digest, live, table, "")
        if digest(copy, table, suffix) == live_digest.result():
            return []
    unmatched: set[tuple[str, int]] = set()
    ours, theirs = fingerprints(live, table, ""), fingerprints(copy, table, suffix)
    for chunk in ours:
        unmatched ^= chunk
        unmatched ^= next(theirs, set())
    for chunk in theirs:
        unmatched ^= chunk
    return sorted({f"{table.name} {key}" for key, _ in unmatched})


def digest(connection: Connection, table: Table[Any], suffix: str) -> tuple[Any, ...] | None:
    """Return what all rows of a copy come to, in whatever order they are read."""
    query = sql.SQL(DIGEST).format(table=sql.Identifier("read", table.name + suffix))
    return connection.execute(query).fetchone()


def fingerprints(
    connection: Connection, table: Table[Any], suffix: str
) -> Iterator[set[tuple[str, int]]]:
    """Yield keys with the hash of their whole row, in the order of the keys."""
    query = sql.SQL(FINGERPRINTS).format(
        table=sql.Identifier("read", table.name + suffix), key=sql.Identifier(table.key)
    )
    with connection.cursor(name=f"fingerprints{suffix}") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield set(rows)


DIGEST = """
SELECT count(*), bit_xor(hashtextextended(content, 0)), bit_xor(hashtextextended(content, 1))
FROM (SELECT t::text AS content FROM {table} AS t OFFSET 0) AS rows
"""
FINGERPRINTS = """
SELECT t.{key}::text, hashtextextended(t::text, 0) FROM {table} AS t ORDER BY t.{key}
"""
