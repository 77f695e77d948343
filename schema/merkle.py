"""Merkle trees as RFC 6962 draws them: roots, and which subtrees a proof is made of.

A range `(first, end)` of leaves counts from 0, its end excluded.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TypeAlias

import msgspec

Range: TypeAlias = tuple[int, int]

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""
STORED_EVERY = 8
"""Every how many levels the roots of complete subtrees are kept: one hash for 256 below it."""


class Node(msgspec.Struct, frozen=True, gc=False):
    """The root of a complete subtree over `2 ** height` leaves, the `place`-th from the left."""

    height: int
    place: int
    hash: bytes


class Frontier:
    """The right edge of a growing tree: one hash for every complete subtree it is made of."""

    def __init__(self, size: int = 0, peaks: dict[int, bytes] | None = None) -> None:
        self.size, self.peaks = size, peaks or {}
        assert sum(1 << height for height in self.peaks) == size

    def extend(self, leaves: Sequence[bytes]) -> list[Node]:
        """Add leaves; return the complete subtrees that are to be kept."""
        height, made, kept = 0, list(leaves), list[Node]()
        before = self.size
        self.size += len(made)
        while made:
            place = before >> height
            if height and not height % STORED_EVERY:
                kept += [Node(height, place + nth, each) for nth, each in enumerate(made)]
            if place & 1:
                made.insert(0, self.peaks.pop(height))
            if len(made) & 1:
                self.peaks[height] = made.pop()
            made = paired(made)
            height += 1
        return kept

    @property
    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return joined(self.peaks[height] for height in sorted(self.peaks, reverse=True))


def paired(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the level above an even number of hashes."""
    each = iter(hashes)
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=True)]


def joined(subtrees: Iterable[bytes]) -> bytes:
    """Return the root over complete subtrees that get smaller from left to right."""
    ordered = list(subtrees)
    if not ordered:
        return EMPTY
    root = ordered.pop()
    while ordered:
        root = sha256(b"\x01" + ordered.pop() + root).digest()
    return root


def left_half(leaves: int) -> int:
    """Return how many of at least two leaves hang on the left: the largest power of two below."""
    return 1 << (leaves - 1).bit_length() - 1


def inclusion_ranges(leaf: int, size: int) -> list[Range]:
    """Return the subtrees that lead from a leaf to the root, the lowest first (RFC 6962 §2.1.1)."""
    assert 0 <= leaf < size
    first, end, found = 0, size, list[Range]()
    while end - first > 1:
        middle = first + left_half(end - first)
        if leaf < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first = middle
    return found[::-1]


def consistency_ranges(earlier: int, later: int) -> list[Range]:
    """Return the subtrees that show that a tree grew out of another one (RFC 6962 §2.1.2)."""
    assert 0 < earlier <= later
    first, end, found = 0, later, list[Range]()
    whole = True
    while earlier != end:
        middle = first + left_half(end - first)
        if earlier <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((first, middle))
            first, whole = middle, False
    return [*([] if whole else [(first, end)]), *found[::-1]]


def peaks_of(each: Range) -> list[tuple[int, int]]:
    """Return the complete subtrees a range of a proof is made of, as (height, place)."""
    first, end = each
    found = []
    while first < end:
        height = (end - first).bit_length() - 1
        assert not first & ((1 << height) - 1), "a range of a proof begins where a subtree does"
        found.append((height, first >> height))
        first += 1 << height
    return found


def root_of_inclusion(leaf_hash: bytes, leaf: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    root, place, last = leaf_hash, leaf, size - 1
    for each in path:
        while not place & 1 and place == last and last:
            place, last = place >> 1, last >> 1
        left = place & 1
        root = sha256(b"\x01" + (each + root if left else root + each)).digest()
        place, last = place >> 1, last >> 1
    return root
