"""The tree over the log as it is kept: leaves beside the events, subtrees beside the tree heads."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from psycopg import Connection

from schema.merkle import STORED_EVERY, Frontier, Range, joined, paired, peaks_of

Hashes: TypeAlias = Mapping[tuple[int, int], bytes]
"""Hashes by height and place; leaves have height 0."""


def parameters(ranges: Iterable[Range]) -> dict[str, list[int]]:
    """Return the parameters of `HASHES`: what is kept of everything `ranges` are made of."""
    found: dict[str, list[int]] = {"heights": [], "firsts": [], "ends": []}
    for height, place in (peak for each in ranges for peak in peaks_of(each)):
        kept = kept_height(height)
        found["heights"].append(kept)
        found["firsts"].append(place << height - kept)
        found["ends"].append(place + 1 << height - kept)
    return found


def kept_height(height: int) -> int:
    """Return the height nearest below whose subtrees are kept."""
    return height - height % STORED_EVERY


def hashes_of(rows: Iterable[tuple[Any, ...]]) -> Hashes:
    """Return what `HASHES` found."""
    return {(height, place): bytes(each) for height, place, each in rows}


def peak_hash(height: int, place: int, hashes: Hashes) -> bytes:
    """Return the root of a complete subtree; raises `KeyError` where a hash is missing."""
    kept = kept_height(height)
    first = place << height - kept
    made = [hashes[kept, each] for each in range(first, first + (1 << height - kept))]
    while len(made) > 1:
        made = paired(made)
    return made[0]


def range_hash(each: Range, hashes: Hashes) -> bytes:
    """Return the root over a range of a proof; raises `KeyError` where a hash is missing."""
    return joined(peak_hash(height, place, hashes) for height, place in peaks_of(each))


def frontier_at(connection: Connection[Any], size: int) -> Frontier:
    """Return the right edge of the tree over the first `size` events, read from what is kept.

    Raises `KeyError` where a hash is missing.
    """
    if not size:
        return Frontier()
    rows = connection.execute(HASHES, parameters([(0, size)]))
    hashes = hashes_of(rows)
    peaks = {height: peak_hash(height, place, hashes) for height, place in peaks_of((0, size))}
    return Frontier(size, peaks)


HASHES = b"""
SELECT t.height, t.place, t.hash
FROM unnest(%(heights)s::int[], %(firsts)s::bigint[], %(ends)s::bigint[]) AS w (height, first, past)
JOIN log.tree AS t ON t.height = w.height AND t.place >= w.first AND t.place < w.past
WHERE w.height > 0
UNION ALL
SELECT 0, e.position - 1, e.content_hash
FROM unnest(%(heights)s::int[], %(firsts)s::bigint[], %(ends)s::bigint[]) AS w (height, first, past)
JOIN log.events AS e ON e.position > w.first AND e.position <= w.past
WHERE w.height = 0
"""
