"""Proofs: that an event is in the log that was signed, and that it only ever grew (RFC 6962)."""

from typing import Any

import msgspec
from psycopg import AsyncConnection

from ledger.errors import Reason, Refused
from projections import tree_heads
from schema.merkle import Range, consistency_ranges, inclusion_ranges
from schema.postgres import Pool
from schema.signatures import TreeHead
from schema.tree import HASHES, hashes_of, parameters, range_hash


class Inclusion(msgspec.Struct, frozen=True):
    """The way from one event to the root of a signed tree; hashes in hex, the lowest first."""

    position: int
    leaf_index: int
    leaf_hash: str
    tree_size: int
    root_hash: str
    audit_path: list[str]


class Size(msgspec.Struct, frozen=True):
    """A signed tree, as far as a proof needs it."""

    tree_size: int
    root_hash: str


class Consistency(msgspec.Struct, frozen=True, rename={"earlier": "from", "later": "to"}):
    """What shows that the later tree is the earlier one, grown; hashes in hex (RFC 6962 §2.1.2)."""

    earlier: Size
    later: Size
    consistency_path: list[str]


class Witnessed(msgspec.Struct, frozen=True):
    """An event as it is stored, and its leaf."""

    event: bytes
    leaf_hash: bytes


async def inclusion(pool: Pool, position: int, tree_size: int | None) -> Inclusion:
    """Prove an event by the tree head of a size, or by the newest.

    Refused: `event_not_found`, `checkpoint_not_found`.
    """
    async with pool.connection() as connection:
        leaf = (await event_at(connection, position)).leaf_hash
    head = await signed_head(pool, tree_size)
    path = await inclusion_path(pool, position, head)
    return Inclusion(
        position=position,
        leaf_index=position - 1,
        leaf_hash=leaf.hex(),
        tree_size=head.tree_size,
        root_hash=head.root_hash.hex(),
        audit_path=[each.hex() for each in path],
    )


async def consistency(pool: Pool, earlier: int, later: int) -> Consistency:
    """Prove that the tree of one size grew into that of another.

    Refused: `checkpoint_not_found`, `invalid_position` when they are in the wrong order.
    """
    if earlier > later:
        raise Refused(Reason.INVALID_POSITION, field="from", rule="not beyond to")
    first, last = await signed_head(pool, earlier), await signed_head(pool, later)
    path = await hashes(pool, consistency_ranges(earlier, later)) if earlier < later else []
    return Consistency(size_of(first), size_of(last), [each.hex() for each in path])


async def inclusion_path(pool: Pool, position: int, head: TreeHead) -> list[bytes]:
    """Return the way from an event to the root of a signed tree; refused when it is not in it."""
    if position > head.tree_size:
        raise Refused(Reason.CHECKPOINT_NOT_FOUND, position=position, tree_size=head.tree_size)
    return await hashes(pool, inclusion_ranges(position - 1, head.tree_size))


async def signed_head(pool: Pool, tree_size: int | None) -> TreeHead:
    """Return the tree head of a size, or the newest one; refused when there is none."""
    head = await tree_heads.one(pool, tree_size)
    if head is None:
        raise Refused(Reason.CHECKPOINT_NOT_FOUND, tree_size=tree_size)
    return head


async def event_at(connection: AsyncConnection[Any], position: int) -> Witnessed:
    """Return the event at a position; refused when there is none."""
    row = await (await connection.execute(EVENT, (position,))).fetchone()
    if row is None:
        raise Refused(Reason.EVENT_NOT_FOUND, position=position)
    return Witnessed(row[0], row[1])


async def hashes(pool: Pool, ranges: list[Range]) -> list[bytes]:
    """Return the hashes of the subtrees a proof is made of."""
    if not ranges:
        return []
    async with pool.connection() as connection:
        rows = await (await connection.execute(HASHES, parameters(ranges))).fetchall()
    found = hashes_of(rows)
    return [range_hash(each, found) for each in ranges]


def size_of(head: TreeHead) -> Size:
    """Return what a proof tells of a tree head."""
    return Size(head.tree_size, head.root_hash.hex())


EVENT = b"SELECT data, content_hash FROM log.events WHERE position = %s"
