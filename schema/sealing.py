"""Sealing: the events since the last tree head are judged, hung into the tree, and signed.

What was sealed once is compared before anything is signed on top of it, so that a log that was
changed afterwards is never vouched for.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from schema.append import chained, content_hash
from schema.merkle import Frontier, Node
from schema.signatures import Signer, TreeHead, signed
from schema.tree import frontier_at

LOCK = 7_032_113_947
"""The advisory lock that lets one sealer in at a time."""
HEAD_EVENTS_MAX = 100_000
"""How many events one tree head adds at most, so that a long log is sealed in steps."""
PAGE_EVENTS = 5_000
BEGINNING = sha256(b"ledgerbank").digest()
"""What the chain of hashes begins with."""


class Altered(Exception):
    """The log is not what it was when it was written or sealed; nothing is signed on top of it."""

    def __init__(self, position: int, says: str) -> None:
        super().__init__(f"position {position}: {says}")
        self.position, self.says = position, says


def seal_all(connection: Connection[Any], signer: Signer, now: str) -> list[TreeHead]:
    """Sign tree heads until everything recorded is sealed; return the new ones.

    `now` is the time they bear. The connection commits by itself. Raises `Altered`.
    """
    made: list[TreeHead] = []
    while head := seal_some(connection, signer, now):
        made.append(head)
    return made


def seal_some(connection: Connection[Any], signer: Signer, now: str) -> TreeHead | None:
    """Sign one tree head over what is there, up to a bound; None when everything is sealed."""
    with connection.transaction():
        connection.execute(ONE_AT_A_TIME, (LOCK,))
        newest, recorded = newest_head(connection), recorded_position(connection)
        size = 0 if newest is None else newest.tree_size
        if size == recorded:
            return None
        frontier = judged_frontier(connection, newest, recorded)
        until = min(recorded, size + HEAD_EVENTS_MAX)
        kept, recorded_at = grow(connection, frontier, until)
        sealed_at = max(now, recorded_at, newest.sealed_at if newest else "")
        head = signer.sign(until, frontier.root, sealed_at)
        keep(connection, head, kept, signer.public_key)
    return head


def newest_head(connection: Connection[Any]) -> TreeHead | None:
    """Return the newest tree head."""
    cursor = connection.cursor(row_factory=class_row(TreeHead))
    return cursor.execute(NEWEST).fetchone()


def recorded_position(connection: Connection[Any]) -> int:
    """Return the last position that was recorded."""
    row = connection.execute(RECORDED).fetchone()
    assert row is not None, "the head is one row"
    position: int = row[0]
    return position


def judged_frontier(
    connection: Connection[Any], newest: TreeHead | None, recorded: int
) -> Frontier:
    """Return the right edge of the tree as it was sealed last. Raises `Altered`."""
    if newest is None:
        return Frontier()
    if newest.tree_size > recorded:
        says = f"the log ends at {recorded}, but was sealed up to {newest.tree_size}"
        raise Altered(recorded + 1, says)
    if not signed(newest, public_keys(connection)):
        raise Altered(newest.tree_size, "the newest tree head is not signed by the key it names")
    try:
        frontier = frontier_at(connection, newest.tree_size)
    except KeyError as missing:
        raise Altered(newest.tree_size, f"the tree has lost a hash: {missing}") from missing
    if frontier.root != newest.root_hash:
        raise Altered(newest.tree_size, "the log does not lead to the root that was sealed")
    return frontier


def grow(connection: Connection[Any], frontier: Frontier, until: int) -> tuple[list[Node], str]:
    """Hang events into the tree; return the subtrees to keep and the last time of recording.

    Raises `Altered` where an event is missing, or does not have the hashes it was written with.
    """
    kept: list[Node] = []
    chain, recorded_at = chain_at(connection, frontier.size), ""
    while frontier.size < until:
        after = frontier.size
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(PAGE, (after, until, PAGE_EVENTS)).fetchall()
        if not rows:
            raise Altered(after + 1, "the event is missing")
        leaves, chain = judged_leaves(rows, after, chain)
        kept += frontier.extend(leaves)
        recorded_at = rows[-1][4]
    return kept, recorded_at


def judged_leaves(
    rows: Sequence[tuple[Any, ...]], after: int, chain: bytes
) -> tuple[list[bytes], bytes]:
    """Return the leaves of events that follow each other, and the end of the chain."""
    leaves = []
    for wanted, (position, data, content, link, _) in enumerate(rows, after + 1):
        if position != wanted:
            raise Altered(wanted, "the event is missing")
        leaf = content_hash(position, data)
        chain = chained(chain, leaf)
        if leaf != content:
            raise Altered(position, "hash differs")
        if chain != link:
            raise Altered(position, "the chain of hashes breaks")
        leaves.append(leaf)
    return leaves, chain


def chain_at(connection: Connection[Any], position: int) -> bytes:
    """Return the chain of hashes as it is at a position."""
    if not position:
        return BEGINNING
    row = connection.execute(CHAIN, (position,)).fetchone()
    if row is None:
        raise Altered(position, "the event is missing")
    return bytes(row[0])


def keep(
    connection: Connection[Any], head: TreeHead, kept: Sequence[Node], public_key: bytes
) -> None:
    """Write a tree head, the subtrees it made complete, and the key that verifies it."""
    connection.execute(KEEP_KEY, (head.key_id, public_key))
    heights, places = [each.height for each in kept], [each.place for each in kept]
    connection.execute(KEEP_TREE, (heights, places, [each.hash for each in kept]))
    values = (head.tree_size, head.root_hash, head.sealed_at, head.key_id, head.signature)
    connection.execute(KEEP_HEAD, values)


def public_keys(connection: Connection[Any]) -> dict[str, bytes]:
    """Return the public halves of all keys that heads were signed with."""
    return {name: bytes(key) for name, key in connection.execute(PUBLIC_KEYS)}


ONE_AT_A_TIME = b"SELECT pg_advisory_xact_lock(%s)"
NEWEST = b"""
SELECT tree_size, root_hash, sealed_at, key_id, signature FROM log.checkpoints
ORDER BY tree_size DESC LIMIT 1
"""
RECORDED = b"SELECT position FROM log.head"
PAGE = b"""
SELECT position, data, content_hash, chain_hash, recorded_at FROM log.events
WHERE position > %b AND position <= %b
ORDER BY position
LIMIT %b
"""
CHAIN = b"SELECT chain_hash FROM log.events WHERE position = %s"
KEEP_KEY = b"INSERT INTO log.audit_keys (key_id, public_key) VALUES (%s, %s) ON CONFLICT DO NOTHING"
KEEP_TREE = b"""
INSERT INTO log.tree (height, place, hash)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
"""
KEEP_HEAD = b"""
INSERT INTO log.checkpoints (tree_size, root_hash, sealed_at, key_id, signature)
VALUES (%s, %s, %s, %s, %s)
"""
PUBLIC_KEYS = b"SELECT key_id, public_key FROM log.audit_keys ORDER BY key_id"
