"""A log in a file: everything that verifying it needs, and nobody's secrets (events_audit.md §5).

One JSON object to a line: what the file is, the public keys, the tree heads, then the events, whose
`envelope` is the text that was stored, byte for byte.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ops.output import Bar
from ops.proving.report import Broken, Report
from ops.proving.verification import Claim, Row, Start, Verification
from projections.tree_heads import shown
from schema.merkle import Frontier
from schema.sealing import BEGINNING, public_keys
from schema.signatures import ALGORITHM, TreeHead

FORMAT = "ledgerbank-log-v1"
PAGE_EVENTS = 5_000
encode = msgspec.json.encode


class Unreadable(Exception):
    """A file is not what it should be; the message says where."""


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what the file is, and where the log ended."""

    format: str
    position: int
    chain_hash: str


class Key(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="public_key"):
    """A key that heads were signed with; `public_key` is base64."""

    key_id: str
    algorithm: str
    public_key: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="checkpoint"):
    """A tree head in the shape of a Checkpoint."""

    tree_size: int
    root_hash: str
    sealed_at: str
    key_id: str
    algorithm: str
    signature: bytes

    @property
    def tree_head(self) -> TreeHead:
        """Return what was signed."""
        root = bytes.fromhex(self.root_hash)
        return TreeHead(self.tree_size, root, self.sealed_at, self.key_id, self.signature)


class Stored(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="event"):
    """An event as it is stored."""

    position: int
    content_hash: str
    chain_hash: str
    envelope: str

    @property
    def row(self) -> Row:
        """Return what is verified of it."""
        content, link = bytes.fromhex(self.content_hash), bytes.fromhex(self.chain_hash)
        return self.position, self.envelope.encode(), content, link


Line: TypeAlias = Key | Head | Stored
read_beginning = msgspec.json.Decoder(Beginning).decode
read_line = msgspec.json.Decoder(Line).decode


def export(connection: Connection[Any], to: BinaryIO, bar: Bar) -> tuple[int, int]:
    """Write the log as it is at one moment; return how many events and tree heads it has."""
    with connection.transaction():
        connection.execute(AT_ONE_MOMENT)
        position, chain = connection.execute(HEAD).fetchall()[0]
        beginning = Beginning(format=FORMAT, position=position, chain_hash=chain.hex())
        to.write(encode(beginning) + b"\n")
        keys = public_keys(connection).items()
        told = (Key(key_id=name, algorithm=ALGORITHM, public_key=key) for name, key in keys)
        to.writelines(encode(key) + b"\n" for key in told)
        heads = connection.cursor(row_factory=class_row(TreeHead)).execute(HEADS).fetchall()
        to.writelines(encode({"is": "checkpoint", **shown(head)}) + b"\n" for head in heads)
        written = 0
        while rows := connection.execute(EVENTS, (written, PAGE_EVENTS)).fetchall():
            to.writelines(encode(stored(row)) + b"\n" for row in rows)
            written = rows[-1][0]
            bar.at(written, position)
    return written, len(heads)


def stored(row: Row) -> Stored:
    """Return an event as a line."""
    position, data, content, link = row
    return Stored(
        position=position,
        content_hash=content.hex(),
        chain_hash=link.hex(),
        envelope=bytes(data).decode(),
    )


def verified(file: Path, trusted: Mapping[str, bytes] | None, anchors: list[TreeHead]) -> Report:
    """Verify a log in a file; without `trusted` by the keys that the file itself names.

    Raises `Unreadable`.
    """
    with file.open("rb") as source:
        beginning = beginning_of(source, file)
        lines = lines_of(source, file)
        keys: dict[str, bytes] = {}
        claims = [Claim(head, "anchors") for head in anchors]
        rows: list[Row] = []
        for line in lines:
            match line:
                case Key():
                    keys[line.key_id] = line.public_key
                case Head():
                    claims.append(Claim(line.tree_head))
                case Stored():
                    rows.append(line.row)
                    break
        verification = Verification(
            Start(frontier=Frontier(), chain=BEGINNING, claims=claims, nodes={})
        )
        versions = Versions(verification.report)
        for row in lines:
            if not isinstance(row, Stored):
                raise Unreadable(f"{file}: events come last")
            rows.append(row.row)
            if len(rows) >= PAGE_EVENTS:
                look(verification, versions, rows)
                rows = []
        look(verification, versions, rows)
    verification.judge_signatures(keys, keys if trusted is None else trusted)
    return verification.end(beginning.position, bytes.fromhex(beginning.chain_hash))


def look(verification: Verification, versions: "Versions", rows: list[Row]) -> None:
    """Look at some events."""
    verification.take(rows)
    versions.take(verification, rows)


class Versions:
    """Follows the versions of every stream; a stream is remembered by its hash alone."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.reached: dict[int, int] = {}

    def take(self, verification: Verification, rows: list[Row]) -> None:
        """Note where a version does not follow the one before it."""
        for row in rows:
            stream, version = verification.place(row)
            before = self.reached.get(hash(stream), 0)
            if version is not None and version != before + 1:
                says = f"follows version {before}"
                broken = Broken(
                    check="streams", position=row[0], says=says, stream=stream, version=version
                )
                self.report.fail(broken)
            self.reached[hash(stream)] = version or before


def beginning_of(source: BinaryIO, file: Path) -> Beginning:
    """Read the first line of a log in a file."""
    try:
        beginning = read_beginning(source.readline())
    except msgspec.MsgspecError as failure:
        raise Unreadable(f"{file} is no exported log") from failure
    if beginning.format != FORMAT:
        raise Unreadable(f"{file} is of another format: {beginning.format}")
    return beginning


def lines_of(source: BinaryIO, file: Path) -> Iterator[Line]:
    """Yield the lines behind the first."""
    for number, line in enumerate(source, 2):
        try:
            yield read_line(line)
        except (msgspec.MsgspecError, ValueError) as failure:
            raise Unreadable(f"{file}, line {number}: {failure}") from failure


AT_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
HEAD = "SELECT position, chain_hash FROM log.head"
HEADS = """
SELECT tree_size, root_hash, sealed_at, key_id, signature FROM log.checkpoints ORDER BY tree_size
"""
EVENTS = """
SELECT position, data, content_hash, chain_hash FROM log.events
WHERE position > %s ORDER BY position LIMIT %s
"""
