"""The tree over the log is that of RFC 6962: roots and proofs agree with a library, and the RFC."""

from hashlib import sha256

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.merkle import (
    EMPTY,
    Frontier,
    Range,
    consistency_ranges,
    inclusion_ranges,
    root_of_inclusion,
)
from schema.tree import Hashes, range_hash

LEAVES_MAX = 700
THEIRS = pymerkle.InmemoryTree(algorithm="sha256")
for number in range(LEAVES_MAX):
    THEIRS.append_entry(str(number).encode())
LEAVES = [sha256(b"\x00" + str(number).encode()).digest() for number in range(LEAVES_MAX)]


def kept(steps: list[int]) -> tuple[Frontier, Hashes]:
    """Grow a tree in steps; return its edge and everything that is kept of it."""
    frontier, hashes = Frontier(), {(0, place): leaf for place, leaf in enumerate(LEAVES)}
    for step in steps:
        for node in frontier.extend(LEAVES[frontier.size : frontier.size + step]):
            hashes[node.height, node.place] = node.hash
    return frontier, hashes


HASHES = kept([LEAVES_MAX])[1]


def proof(ranges: list[Range]) -> list[bytes]:
    return [range_hash(each, HASHES) for each in ranges]


def consistent(first: int, second: int, roots: tuple[bytes, bytes], path: list[bytes]) -> bool:
    """Verify as RFC 9162 §2.1.4.2 says, step by step."""
    if first & (first - 1) == 0:
        path = [roots[0], *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for each in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\x01" + each + fr).digest(), sha256(b"\x01" + each + sr).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha256(b"\x01" + sr + each).digest()
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (*roots, 0)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 300), max_size=6))
def test_a_tree_grows_to_the_same_root_in_whatever_steps(steps: list[int]) -> None:
    frontier, hashes = kept(steps)
    size = min(sum(steps), LEAVES_MAX)
    assert frontier.size == size
    assert frontier.root == (THEIRS.get_root(size) if size else EMPTY)
    if size:
        assert range_hash((0, size), hashes) == frontier.root
    assert {height for height, _ in hashes} <= {0, 8}
    assert sum(height == 8 for height, _ in hashes) == size // 256


@settings(max_examples=60)
@given(st.data())
def test_an_inclusion_proof_is_the_one_the_library_makes(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LEAVES_MAX))
    leaf = data.draw(st.integers(0, size - 1))
    path = proof(inclusion_ranges(leaf, size))
    theirs = THEIRS.prove_inclusion(leaf + 1, size)
    assert theirs.path == [LEAVES[leaf], *path]
    root = THEIRS.get_root(size)
    pymerkle.verify_inclusion(LEAVES[leaf], root, theirs, index=leaf + 1, size=size)
    assert root_of_inclusion(LEAVES[leaf], leaf, size, path) == root


@settings(max_examples=60)
@given(st.data())
def test_consistency_proofs_of_odd_sizes_have_the_hashes_of_the_library(
    data: st.DataObject,
) -> None:
    """The library goes on down to a leaf; for odd sizes that is where the RFC ends as well."""
    later = data.draw(st.integers(4, LEAVES_MAX))
    earlier = data.draw(st.integers(1, (later - 2) // 2)) * 2 + 1
    path = proof(consistency_ranges(earlier, later))
    theirs = THEIRS.prove_consistency(earlier, later)
    pymerkle.verify_consistency(THEIRS.get_root(earlier), THEIRS.get_root(later), theirs)
    assert sorted(path[:2]) + path[2:] == sorted(theirs.path[:2]) + theirs.path[2:]


@pytest.mark.parametrize("later", [*range(1, 36), 255, 256, 257, 513, 700])
def test_every_consistency_proof_passes_the_check_of_the_rfc(later: int) -> None:
    for earlier in range(1, later, 1 if later < 40 else 17):
        path = proof(consistency_ranges(earlier, later))
        roots = THEIRS.get_root(earlier), THEIRS.get_root(later)
        assert consistent(earlier, later, roots, path)
        assert not consistent(earlier, later, (roots[1], roots[1]), path)
    assert consistency_ranges(later, later) == []


def test_a_proof_of_another_leaf_leads_to_another_root() -> None:
    path = proof(inclusion_ranges(41, 100))
    assert root_of_inclusion(LEAVES[41], 41, 100, path) == THEIRS.get_root(100)
    assert root_of_inclusion(LEAVES[42], 41, 100, path) != THEIRS.get_root(100)
    assert root_of_inclusion(LEAVES[41], 40, 100, path) != THEIRS.get_root(100)
