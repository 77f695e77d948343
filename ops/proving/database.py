"""Verifying a database: the log, its tree heads, and the subtrees kept beside them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ops.output import Bar
from ops.proving.report import Broken, Report
from ops.proving.verification import Claim, Row, Start, Verification
from projections.copying import uncollected
from schema.postgres import connect
from schema.sealing import Altered, chain_at, public_keys
from schema.signatures import TreeHead
from schema.tree import frontier_at

PAGE_EVENTS = 10_000
STREAMS_TOLD = 10


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be verified: a range of positions, by which keys, and against which anchors."""

    first: int = 1
    until: int | None = None
    trusted: dict[str, bytes]
    anchors: Sequence[TreeHead] = ()

    @property
    def everything(self) -> bool:
        """Say whether the whole log is meant."""
        return self.first == 1 and self.until is None


def verified(dsn: str, wanted: Wanted, bar: Bar) -> Report:
    """Verify the log of a database."""
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        position, chain = head_of(connection)
        last = position if wanted.until is None else min(wanted.until, position)
        try:
            start = start_at(connection, wanted, last)
        except (KeyError, Altered) as missing:
            report = Report(wanted.first)
            says = f"the log before it is not whole: {missing}"
            report.fail(Broken(check="events", position=wanted.first, says=says))
            return report
        verification = Verification(start)
        with uncollected():
            for rows in pages(dsn, wanted.first - 1, wanted.until):
                verification.take(rows)
                bar.at(verification.report.looked, last - wanted.first + 1)
        verification.judge_signatures(public_keys(connection), wanted.trusted)
        ends = wanted.until is None or wanted.until >= position
        report = verification.end(position if ends else last, chain if ends else None)
        for broken in gaps(connection) if wanted.everything else ():
            report.fail(broken)
    return report


def head_of(connection: Connection[Any]) -> tuple[int, bytes]:
    """Return where the log says that it ends."""
    row = connection.execute(HEAD).fetchone()
    assert row is not None, "the head is one row"
    return row[0], bytes(row[1])


def start_at(connection: Connection[Any], wanted: Wanted, last: int) -> Start:
    """Return the tree and the chain before the first position, and what is claimed from there."""
    cursor = connection.cursor(row_factory=class_row(TreeHead))
    heads = cursor.execute(HEADS, (wanted.first, wanted.until)).fetchall()
    anchored = [
        head
        for head in wanted.anchors
        if head.tree_size >= wanted.first and (wanted.until is None or head.tree_size <= last)
    ]
    return Start(
        frontier=frontier_at(connection, wanted.first - 1),
        chain=chain_at(connection, wanted.first - 1),
        claims=[*map(Claim, heads), *(Claim(head, "anchors") for head in anchored)],
        nodes={(height, place): each for height, place, each in connection.execute(NODES)},
    )


def pages(dsn: str, after: int, until: int | None) -> Iterator[list[Row]]:
    """Yield the log page by page, the next one read while the last one is looked at."""
    with (
        connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
        ThreadPoolExecutor(1) as reader,
    ):
        coming = reader.submit(page_behind, connection, after, until)
        while page := coming.result():
            coming = reader.submit(page_behind, connection, page[-1][0], until)
            yield page


def page_behind(connection: Connection[Any], after: int, until: int | None) -> list[Row]:
    """Read some rows, binary: the fastest way out of the database."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(PAGE, (after, until, until, PAGE_EVENTS)).fetchall()


def gaps(connection: Connection[Any]) -> Iterator[Broken]:
    """Yield the first place in every stream where its versions do not follow each other."""
    for (stream,) in connection.execute(STREAMS, (STREAMS_TOLD,)).fetchall():
        row = connection.execute(GAP, (stream,)).fetchone()
        if row is not None:
            says = f"version {row[2]} is missing"
            yield Broken(check="streams", position=row[0], says=says, stream=stream, version=row[1])


HEAD = "SELECT position, chain_hash FROM log.head"
HEADS = """
SELECT tree_size, root_hash, sealed_at, key_id, signature FROM log.checkpoints
WHERE tree_size >= %s AND tree_size <= coalesce(%s::bigint, tree_size)
"""
NODES = "SELECT height, place, hash FROM log.tree"
PAGE = """
SELECT position, data, content_hash, chain_hash, stream_id, version, event_id::text, name,
    schema_version, recorded_at, effective_at, actor_id, correlation_id
FROM log.events
WHERE position > %b AND (%b::bigint IS NULL OR position <= %b)
ORDER BY position
LIMIT %b
"""
STREAMS = """
SELECT stream_id FROM log.events
GROUP BY stream_id HAVING count(*) <> max(version) OR min(version) <> 1
LIMIT %s
"""
GAP = """
SELECT position, version, wanted FROM (
    SELECT position, version, row_number() OVER (ORDER BY version) AS wanted
    FROM log.events WHERE stream_id = %s
) AS numbered
WHERE version <> wanted ORDER BY version LIMIT 1
"""
