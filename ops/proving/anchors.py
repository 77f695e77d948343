"""Anchors: tree heads kept where nobody who can write the database can write.

One JSON object to a line, in the shape of a Checkpoint. Whoever rewrites the whole log, its tree
heads included, is found out by the oldest anchor that they could not reach.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
from psycopg import Connection

from ops.proving.bundle import Unreadable
from projections.tree_heads import shown
from schema.sealing import Altered, newest_head
from schema.signatures import TreeHead
from schema.tree import frontier_at


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A Checkpoint as HTTP shows it."""

    tree_size: int
    root_hash: str
    sealed_at: str
    key_id: str
    algorithm: str
    signature: bytes

    @property
    def tree_head(self) -> TreeHead:
        """Return what was signed. Raises `ValueError`."""
        root = bytes.fromhex(self.root_hash)
        return TreeHead(self.tree_size, root, self.sealed_at, self.key_id, self.signature)


read_anchor = msgspec.json.Decoder(Anchor).decode


def anchors_in(file: Path) -> list[TreeHead]:
    """Read all anchors of a file. Raises `Unreadable`."""
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            found.append(read_anchor(line).tree_head)
        except (msgspec.MsgspecError, ValueError) as failure:
            raise Unreadable(f"{file}, line {number}: {failure}") from failure
    return found


def refuse_contradicted(connection: Connection[Any], anchors: list[TreeHead]) -> None:
    """Raise `Altered` unless the log, as it is kept, leads to every anchor."""
    for anchor in anchors:
        try:
            root = frontier_at(connection, anchor.tree_size).root
        except KeyError as missing:
            says = f"the log lacks what was anchored at tree size {anchor.tree_size}: {missing}"
            raise Altered(anchor.tree_size, says) from missing
        if root != anchor.root_hash:
            says = "the log does not lead to the root that was anchored"
            raise Altered(anchor.tree_size, says)


def add_anchor(connection: Connection[Any], file: Path) -> TreeHead | None:
    """Add the newest tree head, unless it is there or none is; return it.

    Raises `Altered` when the log contradicts an anchor that is there already.
    """
    anchors = anchors_in(file) if file.exists() else []
    refuse_contradicted(connection, anchors)
    newest = newest_head(connection)
    if newest is None or newest.tree_size in {each.tree_size for each in anchors}:
        return None
    with file.open("ab") as output:
        output.write(msgspec.json.encode(shown(newest)) + b"\n")
        output.flush()
        os.fsync(output.fileno())
    return newest
