"""Verification: recomputes leaves, chain and every signed root while events pass by, in order."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from ops.proving.report import Broken, Report
from schema.merkle import Frontier, Node
from schema.signatures import TreeHead, key_id_of, signed

Row: TypeAlias = tuple[Any, ...]
"""Position, stored bytes, content hash and link of the chain; then the columns, if there are any:
stream, version, id, name, schema version, recorded_at, effective_at, actor id, correlation id."""
COLUMNS = (
    "stream_id", "version", "event_id", "name", "schema_version", "recorded_at", "effective_at",
    "actor_id", "correlation_id",
)  # fmt: skip


class Who(msgspec.Struct, frozen=True, gc=False):
    """The actor, as far as a column repeats it."""

    id: str | None = None


class Story(msgspec.Struct, frozen=True, gc=False):
    """The metadata, as far as columns repeat it."""

    actor: Who
    correlation_id: str


class Facts(msgspec.Struct, frozen=True, gc=False):
    """An envelope, as far as columns repeat it."""

    id: str
    type: str
    schema_version: int
    stream_id: str
    stream_version: int
    recorded_at: str
    effective_at: str
    metadata: Story

    def columns(self) -> Row:
        """Return what the columns have to be, in their order."""
        return (
            self.stream_id, self.stream_version, self.id, self.type, self.schema_version,
            self.recorded_at, self.effective_at, self.metadata.actor.id,
            self.metadata.correlation_id,
        )  # fmt: skip


read_facts = msgspec.json.Decoder(Facts).decode


class Claim(msgspec.Struct, frozen=True):
    """A tree head that the log has to lead to; `check` says whether it is an anchor."""

    head: TreeHead
    check: str = "roots"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where to begin: the tree and the chain up to there, and what is claimed from there on."""

    frontier: Frontier
    chain: bytes
    claims: Sequence[Claim]
    nodes: Mapping[tuple[int, int], bytes]
    """Subtrees as they are kept beside the log, by height and place; empty for a file."""


class Verification:
    """Looks at events in the order of their positions, and keeps what it finds in `report`."""

    def __init__(self, start: Start) -> None:
        self.frontier, self.chain, self.nodes = start.frontier, start.chain, start.nodes
        self.claims = sorted(start.claims, key=lambda claim: claim.head.tree_size)
        self.met = 0
        self.position, self.good_until = start.frontier.size, start.frontier.size
        self.sealed = max((c.head.tree_size for c in self.claims if c.check == "roots"), default=0)
        self.report = Report(self.position + 1)
        self.whole, self.recorded_at, self.before = True, "", True

    def take(self, rows: Sequence[Row]) -> None:
        """Look at some events."""
        leaves: list[bytes] = []
        for row in rows:
            position, data, content, link = row[:4]
            if position != self.position + 1:
                self.skip(position)
            self.position = position
            leaf = sha256(b"\x00" + position.to_bytes(8, "big") + data).digest()
            if leaf != content:
                self.fail("leaves", row, "hash differs")
            broken = self.chain and sha256(self.chain + content).digest() != link
            if broken:
                self.fail("chain", row, "the chain of hashes breaks")
            self.chain = link
            self.compare_columns(row)
            leaves.append(leaf)
        self.report.looked += len(rows)
        self.report.last = self.position
        if self.whole:
            self.grow(leaves)

    def compare_columns(self, row: Row) -> None:
        """Compare an envelope with what the columns repeat of it."""
        try:
            columns = read_facts(row[1]).columns()
        except msgspec.MsgspecError:
            self.fail("columns", row, "the bytes are no envelope")
            return
        if len(row) > len(columns) and columns != row[4:]:
            names = [name for name, *both in zip(COLUMNS, columns, row[4:], strict=True)
                     if both[0] != both[1]]  # fmt: skip
            self.fail("columns", row, f"{', '.join(names)} differs from the event")
        if columns[5] < self.recorded_at:
            self.fail("columns", row, "recorded before the event before it")
        self.recorded_at = columns[5]

    def grow(self, leaves: list[bytes]) -> None:
        """Hang leaves into the tree, stopping at every size that something is claimed of."""
        while self.met < len(self.claims):
            size = self.claims[self.met].head.tree_size
            if size > self.frontier.size + len(leaves):
                break
            wanted = size - self.frontier.size
            self.compare_nodes(self.frontier.extend(leaves[:wanted]))
            leaves = leaves[wanted:]
            self.meet(self.claims[self.met])
            self.met += 1
        self.compare_nodes(self.frontier.extend(leaves))

    def compare_nodes(self, made: Sequence[Node]) -> None:
        """Compare subtrees with those that were kept when they were sealed."""
        for node in made if self.nodes else ():
            first, end = node.place << node.height, node.place + 1 << node.height
            if end <= self.sealed and self.nodes.get((node.height, node.place)) != node.hash:
                says = "the subtree over these events is not the one that was sealed"
                broken = Broken(check="tree", position=first + 1, until=end, says=says)
                self.report.fail(broken)

    def meet(self, claim: Claim) -> None:
        """Compare the root over everything so far with what is claimed."""
        holds = claim.head.root_hash == self.frontier.root
        size = claim.head.tree_size
        self.report.judge(claim.check, holds=holds)
        if not holds and (self.before or claim.check != "roots"):
            says = f"the log does not lead to the root that was signed at tree size {size}"
            first = self.good_until + 1
            self.report.fail(Broken(check=claim.check, position=first, until=size, says=says))
        if claim.check == "roots":
            if self.report.newest is not None:
                self.report.judge("consistency", holds=holds and self.before)
            self.report.newest, self.before = claim.head, holds
        if holds:
            self.good_until = size

    def skip(self, position: int) -> None:
        """Note that events are missing; no root behind them can be recomputed."""
        missing, self.whole, self.chain = self.position + 1, False, b""
        until = position - 1
        broken = Broken(check="events", position=missing, until=until, says="missing from the log")
        if position <= self.position:
            broken = Broken(check="events", position=position, says="there is another one")
        self.report.fail(broken)

    def fail(self, check: str, row: Row, says: str) -> None:
        """Note what is wrong with an event."""
        stream, version = self.place(row)
        self.report.fail(
            Broken(check=check, position=row[0], says=says, stream=stream, version=version)
        )

    def place(self, row: Row) -> tuple[str | None, int | None]:
        """Return the stream and version of an event, as far as anything says so."""
        if len(row) > len(COLUMNS):
            return row[4], row[5]
        try:
            facts = read_facts(row[1])
        except msgspec.MsgspecError:
            return None, None
        return facts.stream_id, facts.stream_version

    def end(self, position: int, chain: bytes | None) -> Report:
        """Compare with where the log says it ends; what is claimed beyond cannot be there."""
        if self.position != position:
            first, last = sorted((self.position, position))
            says = f"the log says that it ends at {position}, but ends at {self.position}"
            self.report.fail(Broken(check="events", position=first + 1, until=last, says=says))
        elif chain is not None and chain != self.chain:
            says = "the chain of hashes does not end where the log says"
            self.report.fail(Broken(check="chain", position=position, says=says))
        for claim in self.claims[self.met :]:
            self.report.judge(claim.check, holds=False)
            if claim.head.tree_size > self.position:
                says = f"the log ends here, but {claim.head.tree_size} events were signed for"
                where = self.position + 1
                self.report.fail(Broken(check=claim.check, position=where, says=says))
            if claim.check == "roots":
                self.report.newest = claim.head
        return self.report

    def judge_signatures(self, keys: Mapping[str, bytes], trusted: Mapping[str, bytes]) -> None:
        """Judge who signed. Whoever is not trusted needs somebody who is to sign after them."""
        known = {name: key for name, key in keys.items() if name == key_id_of(key)} | dict(trusted)
        vouched = max(
            (c.head.tree_size for c in self.claims
             if c.head.key_id in trusted and signed(c.head, known)),
            default=0,
        )  # fmt: skip
        for claim in self.claims:
            head, check = claim.head, "signatures" if claim.check == "roots" else claim.check
            holds = signed(head, known)
            self.report.key_ids.add(head.key_id)
            if check == "signatures":
                self.report.judge(check, holds=holds and head.tree_size <= vouched)
            if not holds:
                says = f"the signature of tree size {head.tree_size} is not key {head.key_id}'s"
                self.report.fail(Broken(check=check, position=head.tree_size, says=says))
            elif head.tree_size > vouched:
                says = f"tree size {head.tree_size} is signed by key {head.key_id} alone: "
                says += "trust it with --public-key"
                self.report.fail(Broken(check=check, position=head.tree_size, says=says))
