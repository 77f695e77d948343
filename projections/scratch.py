"""Scratch: read models folded from the log into tables that nobody reads, and thrown away again.

They are folded without any data key, so that what they come to depends on the log alone, not on
who may still read what: the same position gives the same digest everywhere, for ever (proof P-7).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec
from psycopg import Connection, sql
from typing_extensions import override

from ledger.errors import Reason, Refused
from projections import shadow
from projections.copying import PENDING_MAX, ROWS_MAX, Progress, uncollected
from projections.known import Known
from projections.log import Line, decode_lines
from projections.prefetch import Prefetch
from projections.projector import Fold, Projector, apply, needs, relevant
from projections.rows import Rows, Table
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

SUFFIX = "__replay"
LOCK = 703_212
PAGE_EVENTS = 20_000
HASHED_ROWS = 20_000
NO_KEYS = KeyEncryptionKeys({"none": bytes(32)})


class Blind(Known):
    """Knows how streams began, and no key at all: personal text reads "[erased]"."""

    @override
    def read_keys(self, connection: Connection, kids: set[str]) -> None:
        """Read no key."""


class Content(msgspec.Struct, frozen=True):
    """What one table came to: its rows, and a digest over them in the order of their keys."""

    table: str
    rows: int
    digest: str


class Scratch:
    """Read models in the making, all on one way through the log."""

    def __init__(self, dsn: str, projectors: Sequence[Projector], page_events: int) -> None:
        self.dsn, self.page_events = dsn, page_events
        self.connection = connect(dsn, "ledgerbank_read", statement_timeout_ms=0)
        self.known = Blind(NO_KEYS)
        self.folds = [
            (each, Fold(Rows(each.tables, complete=True), self.known)) for each in projectors
        ]
        self.position = 0

    @property
    def tables(self) -> list[Table[Any]]:
        """Return every table, by name."""
        every = (table for projector, _ in self.folds for table in projector.tables)
        return sorted(every, key=lambda table: table.name)

    def fold_to(self, end: int, progress: Progress | None = None) -> None:
        """Fold everything up to `end`, which is the end of a command."""
        names = frozenset().union(*(projector.reads for projector, _ in self.folds))
        with uncollected(), Prefetch(self.dsn, names, 0, end, self.page_events) as pages:
            for lines in pages:
                self.take(lines)
                if progress is not None:
                    progress(self.position, end, 0.0)
        self.write(-1)

    def take(self, lines: list[Line]) -> None:
        """Fold one page of the log into every read model."""
        batch = list(decode_lines(lines))
        tasks = [relevant(projector, batch) for projector, _ in self.folds]
        needed = [needs(each) for each in tasks]
        self.known.learn(self.connection, batch, set().union(*(each.streams for each in needed)))
        for (_, fold), todo, needing in zip(self.folds, tasks, needed, strict=True):
            fold.rows.read(self.connection, needing.keys, SUFFIX)
            apply(todo, fold)
        self.position = lines[-1][0]
        self.write(PENDING_MAX)

    def write(self, pending_max: int) -> None:
        """Write the rows of those that have many in memory."""
        for _, fold in self.folds:
            if fold.rows.pending > pending_max or fold.rows.erasing:
                with self.connection.transaction():
                    fold.rows.write(self.connection, SUFFIX)
                fold.rows.wrote(ROWS_MAX)

    def contents(self) -> Iterator[Content]:
        """Yield what each table came to."""
        for table in self.tables:
            number, digest = 0, sha256()
            for row in self.rows(table, TEXTS):
                number += 1
                digest.update(row.encode() + b"\n")
            yield Content(table.name, number, digest.hexdigest())

    def rows(self, table: Table[Any], form: str = "SELECT to_json(t)::text") -> Iterator[str]:
        """Yield the rows of a table in the order of their keys, as text."""
        query = sql.SQL(ROWS).format(
            form=sql.SQL(form),
            table=sql.Identifier("read", table.name + SUFFIX),
            key=sql.Identifier(table.key),
        )
        with self.connection.transaction(), self.connection.cursor(name="replayed") as cursor:
            self.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(query)
            while page := cursor.fetchmany(HASHED_ROWS):
                for (row,) in page:
                    yield row


def digest_of(position: int, contents: Iterable[Content]) -> str:
    """Return the digest of everything that was folded up to a position."""
    told = [[each.table, each.rows, each.digest] for each in contents]
    return sha256(msgspec.json.encode([position, told])).hexdigest()


@contextmanager
def scratch(
    dsn: str, projectors: Sequence[Projector], page_events: int = PAGE_EVENTS
) -> Iterator[Scratch]:
    """Give empty scratch tables for as long as the block runs; one replay at a time."""
    made = Scratch(dsn, projectors, page_events)
    with made.connection as connection:
        locked = connection.execute(TRY_LOCK, (LOCK,)).fetchone()
        if locked is None or not locked[0]:
            raise Refused(Reason.REBUILD_IN_PROGRESS, replay=True)
        connection.execute("SET synchronous_commit = off")
        shadow.create(connection, made.tables, SUFFIX)
        try:
            yield made
        finally:
            if not connection.broken:
                shadow.drop(connection, made.tables, SUFFIX)


TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
TEXTS = "SELECT t::text"
ROWS = "{form} FROM {table} AS t ORDER BY t.{key}"
