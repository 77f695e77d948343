"""Rebuild: fold the whole log into shadow tables, compare them with the live ones, and swap."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeAlias

import msgspec
from psycopg import Connection, errors

from ledger.errors import Reason, Refused
from projections import shadow
from projections.compare import differences
from projections.known import Known
from projections.leases import Leases
from projections.log import decode_lines, head_position
from projections.prefetch import Prefetch
from projections.projector import Fold, Projector, apply, needs, relevant
from projections.rows import Rows
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

Progress: TypeAlias = Callable[[int, int, float], None]
"""Told the position reached, the head, and events per second so far."""

PAGE_EVENTS = 20_000
PENDING_MAX = 50_000
ROWS_MAX = 200_000
CLOSE_ENOUGH = 1_000
LEASE_SECONDS = 60.0
SHOWN_MAX = 10
SWAP_ATTEMPTS = 5
LOCK = 703_211


class Differs(Exception):
    """The copy is not what the live tables say at `position`; `rows` names some that differ."""

    def __init__(self, projection: str, position: int, rows: list[str]) -> None:
        shown = ", ".join(rows[:SHOWN_MAX])
        super().__init__(
            f"{projection} differs at position {position} in {len(rows)} rows: {shown}"
        )
        self.position, self.rows = position, rows


class Report(msgspec.Struct, frozen=True):
    """What a rebuild did: up to which position, how fast, and whether it compared rows."""

    projection: str
    position: int
    events_per_second: float
    compared: bool


def rebuild(
    dsn: str,
    projector: Projector,
    keks: KeyEncryptionKeys,
    *,
    progress: Progress | None = None,
    repair: bool = False,
) -> Report:
    """Make the read model again beside the live one, which goes on, and put it in its place.

    Raises `Differs` and leaves everything as it was when the copy is not equal to the live tables
    at the same position, unless it is to `repair` them. The old tables are kept for `roll_back`.
    Refused: `rebuild_in_progress`.
    """
    with copying(dsn, projector, keks, progress) as copy:
        compared = copy.follow_live()
        differing = copy.compare() if compared else []
        if differing and not repair:
            raise Differs(projector.name, copy.position, differing)
        copy.catch_up()
        copy.take_place()
        return copy.report(compared=compared)


def verify(
    dsn: str, projector: Projector, keks: KeyEncryptionKeys, progress: Progress | None = None
) -> Report:
    """Compare the live read model with a fold of the log; raises `Differs`. Changes nothing."""
    with copying(dsn, projector, keks, progress) as copy:
        compared = copy.follow_live()
        differing = copy.compare() if compared else []
        if differing:
            raise Differs(projector.name, copy.position, differing)
        return copy.report(compared=compared)


def roll_back(dsn: str, projector: Projector) -> None:
    """Put the tables back that the last rebuild replaced; the runner catches them up."""
    with connect(dsn, "ledgerbank_read") as connection, connection.transaction():
        Leases(connection, "roll back", LEASE_SECONDS).take_over(projector.name)
        shadow.put_back(connection, projector.tables)
        moved = connection.execute(PUT_BACK, (projector.name,)).rowcount
        assert moved == 1, "a rebuild has kept the tables before it"


class Copy:
    """The copy in the making."""

    def __init__(
        self, dsn: str, projector: Projector, keks: KeyEncryptionKeys, progress: Progress | None
    ) -> None:
        self.dsn, self.projector, self.progress = dsn, projector, progress
        self.connection = connect(dsn, "ledgerbank_read", statement_timeout_ms=0)
        self.known = Known(keks, whole=True)
        self.fold = Fold(Rows(projector.tables, complete=True), self.known)
        self.position = 0
        self.began = monotonic()
        self.folding_seconds = 0.0

    def follow_live(self) -> bool:
        """Fold up to where the live tables are, then index; return whether they hold anything."""
        live = live_position(self.connection, self.projector.name)
        self.fold_to(live or head_position(self.connection))
        shadow.build_indexes(self.connection, self.projector.tables)
        return live > 0

    def catch_up(self) -> None:
        """Fold until the head is near."""
        while head_position(self.connection) - self.position > CLOSE_ENOUGH:
            self.fold_to(head_position(self.connection))

    def fold_to(self, end: int) -> None:
        """Fold everything up to `end`, which is the end of a command."""
        if end <= self.position:
            return
        began = monotonic()
        reading = Prefetch(self.dsn, self.projector.reads, self.position, end, PAGE_EVENTS)
        with uncollected(), reading as pages:
            for lines in pages:
                batch = list(decode_lines(lines))
                tasks = relevant(self.projector, batch)
                needing = needs(tasks)
                self.known.learn(self.connection, batch, needing.streams)
                self.fold.rows.read(self.connection, needing.keys, shadow.NEW)
                apply(tasks, self.fold)
                self.position = lines[-1][0]
                if self.fold.rows.pending > PENDING_MAX:
                    self.write()
                self.tell(end, monotonic() - began)
        self.write()
        self.folding_seconds += monotonic() - began

    def write(self) -> None:
        """Write what was folded into the shadow tables."""
        with self.connection.transaction():
            self.fold.rows.write(self.connection, shadow.NEW)
        self.fold.rows.wrote(ROWS_MAX)

    def tell(self, end: int, seconds: float) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(self.position, end, self.position / (self.folding_seconds + seconds))

    def compare(self) -> list[str]:
        """Return the keys of rows that differ from the live tables at the same position."""
        with connect(self.dsn, "ledgerbank_read", statement_timeout_ms=0) as live:
            live.execute("SET idle_in_transaction_session_timeout = 0")
            live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self.fold_to(live_position(live, self.projector.name))
            with self.connection.transaction():
                differing = [
                    key
                    for table in self.projector.tables
                    for key in differences(live, self.connection, table)
                ]
            live.rollback()
        return differing

    def take_place(self) -> None:
        """Stop the live runner for a moment, fold the rest and swap."""
        leases = Leases(self.connection, "rebuild", LEASE_SECONDS)
        lease = leases.take_over(self.projector.name)
        try:
            self.fold_to(max(lease.position, self.position))
            self.swap(lease.position)
        finally:
            self.connection.execute(RELEASE, (self.projector.name, lease.token))

    def swap(self, live: int) -> None:
        """Put the copy in place; waits for readers a few times, but never holds others up long."""
        for attempt in range(1, SWAP_ATTEMPTS + 1):
            try:
                with self.connection.transaction():
                    shadow.swap(self.connection, self.projector.tables)
                    self.connection.execute(SWAPPED, (self.position, live, self.projector.name))
            except errors.LockNotAvailable:
                if attempt == SWAP_ATTEMPTS:
                    raise
            else:
                return

    def report(self, *, compared: bool) -> Report:
        """Return what was done."""
        rate = self.position / max(self.folding_seconds, 0.001)
        return Report(self.projector.name, self.position, rate, compared)


@contextmanager
def copying(
    dsn: str, projector: Projector, keks: KeyEncryptionKeys, progress: Progress | None
) -> Iterator[Copy]:
    """Make shadow tables for as long as the block runs; one rebuild per projection at a time."""
    copy = Copy(dsn, projector, keks, progress)
    with copy.connection as connection:
        locked = connection.execute(TRY_LOCK, (LOCK, projector.name)).fetchone()
        if locked is None or not locked[0]:
            raise Refused(Reason.REBUILD_IN_PROGRESS, projection=projector.name)
        connection.execute("SET synchronous_commit = off")
        connection.execute(BEGIN, (projector.name,))
        shadow.create(connection, projector.tables)
        try:
            yield copy
        finally:
            if not connection.broken:
                shadow.drop(connection, projector.tables)
                connection.execute(END, (projector.name,))


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the cycle collector: folding makes no cycles, and looking costs a quarter."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def live_position(connection: Connection, projection: str) -> int:
    """Return how far the live tables are."""
    row = connection.execute(LIVE, (projection,)).fetchone()
    position: int = row[0] if row else 0
    return position


TRY_LOCK = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
BEGIN = """
UPDATE read.checkpoints SET status = 'rebuilding' WHERE projection = %s AND status = 'running'
"""
END = """
UPDATE read.checkpoints SET status = 'running' WHERE projection = %s AND status = 'rebuilding'
"""
LIVE = "SELECT position FROM read.checkpoints WHERE projection = %s"
SWAPPED = """
UPDATE read.checkpoints
SET position = %s, kept_position = %s, status = 'running', last_error = NULL, updated_at = now()
WHERE projection = %s
"""
PUT_BACK = """
UPDATE read.checkpoints
SET position = kept_position, kept_position = position, holder = NULL, updated_at = now()
WHERE projection = %s AND kept_position IS NOT NULL
"""
RELEASE = "UPDATE read.checkpoints SET holder = NULL WHERE projection = %s AND token = %s"
