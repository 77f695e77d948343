"""Copying: a second copy of a read model, folded from the log beside the live one."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Protocol, TypeAlias

from psycopg import Connection, errors

from ledger.errors import Reason, Refused
from projections import leftovers, shadow
from projections.known import Known
from projections.leases import Leases
from projections.leftovers import LOCK
from projections.log import decode_lines, head_position
from projections.prefetch import Prefetch
from projections.projector import Fold, Projector, Task, apply, needs, relevant
from projections.rows import Rows
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

Progress: TypeAlias = Callable[[int, int, float], None]
"""Told the position reached, the head, and events per second so far."""
Comparison: TypeAlias = Callable[[Connection, Connection], list[str]]
"""Names the rows that differ, given the live tables and the copy at the same position."""

PAGE_EVENTS = 20_000
PENDING_MAX = 50_000
ROWS_MAX = 200_000
CLOSE_ENOUGH = 1_000
LEASE_SECONDS = 60.0
SWAP_ATTEMPTS = 5


class Watch(Protocol):
    """Looks on while events are folded one by one."""

    def apply(self, tasks: list[Task], fold: Fold) -> None:
        """Fold `tasks` into the rows."""


class Copy:
    """The copy in the making. `share` is how much of the time it may work, from 0 to 1.

    One with the suffix of checks is only looked at: it is never indexed, remembered or put in
    place.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what, with which keys, who looks on, and how
        self,
        dsn: str,
        projector: Projector,
        keks: KeyEncryptionKeys,
        progress: Progress | None,
        share: float = 1,
        suffix: str = shadow.NEW,
    ) -> None:
        self.dsn, self.projector, self.keks = dsn, projector, keks
        self.progress, self.share, self.suffix = progress, share, suffix
        self.connection = connect(dsn, "ledgerbank_read", statement_timeout_ms=0)
        self.watch: Watch | None = None
        self.kept = self.indexed = self.compared = False
        self.forget()
        self.began = monotonic()
        self.folded = 0
        self.folding_seconds = 0.0

    def forget(self) -> None:
        """Know nothing, and hold nothing in memory."""
        self.position = 0
        self.known = Known(self.keks, whole=True)
        self.fold = Fold(Rows(self.projector.tables, complete=True), self.known)

    def start(self) -> None:
        """Begin with empty tables."""
        if self.remembered:
            leftovers.begin(self.connection, self.projector)
        else:
            shadow.create(self.connection, self.projector.tables, self.suffix)
        self.indexed = self.compared = False
        self.forget()

    @property
    def remembered(self) -> bool:
        """Say whether it may be put in place one day, by somebody else if need be."""
        return self.suffix == shadow.NEW

    def end(self) -> None:
        """Leave nothing behind, unless it is kept."""
        if not self.remembered:
            shadow.drop(self.connection, self.projector.tables, self.suffix)
        elif not self.kept:
            leftovers.forget(self.connection, self.projector)

    def go_on(self) -> bool:
        """Go on with what somebody has left, if there is such a copy."""
        left = leftovers.found(self.connection, self.projector)
        if left is None:
            return False
        self.position, self.indexed, self.compared = left.position, left.indexed, left.compared
        self.known = Known(self.keks)
        self.fold = Fold(Rows(self.projector.tables), self.known)
        return True

    def follow_live(self) -> bool:
        """Fold up to where the live tables are, then index; return whether they hold anything."""
        live = live_position(self.connection, self.projector.name)
        self.fold_to(live or head_position(self.connection))
        if self.remembered and not self.indexed:
            with self.connection.transaction():
                shadow.build_indexes(self.connection, self.projector.tables)
                self.mark(indexed=True, compared=self.compared)
        return live > 0

    def mark(self, *, indexed: bool, compared: bool) -> None:
        """Remember what has been done."""
        self.indexed, self.compared = indexed, compared
        if self.remembered:
            name = self.projector.name
            leftovers.mark(self.connection, name, indexed=indexed, compared=compared)

    def catch_up(self) -> None:
        """Fold until the head is near."""
        while head_position(self.connection) - self.position > CLOSE_ENOUGH:
            self.fold_to(head_position(self.connection))

    def fold_to(self, end: int) -> None:
        """Fold everything up to `end`, which is the end of a command."""
        if end <= self.position:
            return
        began, before = monotonic(), self.folding_seconds
        reading = Prefetch(self.dsn, self.projector.reads, self.position, end, PAGE_EVENTS)
        with uncollected(), reading as pages:
            for lines in pages:
                page_began = monotonic()
                self.take(lines)
                if self.fold.rows.pending > PENDING_MAX:
                    self.write()
                self.folding_seconds = before + monotonic() - began
                self.tell(end)
                self.rest(monotonic() - page_began)
        self.write()
        self.folding_seconds = before + monotonic() - began

    def take(self, lines: list[Any]) -> None:
        """Fold one page of the log."""
        batch = list(decode_lines(lines))
        tasks = relevant(self.projector, batch)
        needing = needs(tasks)
        self.known.learn(self.connection, batch, needing.streams)
        self.fold.rows.read(self.connection, needing.keys, self.suffix)
        (apply if self.watch is None else self.watch.apply)(tasks, self.fold)
        self.folded += lines[-1][0] - self.position
        self.position = lines[-1][0]

    def rest(self, worked_seconds: float) -> None:
        """Leave the machine to others for a while."""
        if self.share < 1:
            time.sleep(worked_seconds * (1 / self.share - 1))

    def write(self) -> None:
        """Write what was folded into the shadow tables, and how far that is."""
        with self.connection.transaction():
            self.fold.rows.write(self.connection, self.suffix)
            if self.remembered:
                leftovers.reached(self.connection, self.projector.name, self.position)
        self.fold.rows.wrote(ROWS_MAX)

    def tell(self, end: int) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(self.position, end, self.events_per_second)

    @property
    def events_per_second(self) -> float:
        """Return how fast it has been folded by this maker."""
        return self.folded / max(self.folding_seconds, 0.001)

    def compare(self, comparison: Comparison) -> list[str]:
        """Return what differs from the live tables at the same position."""
        with connect(self.dsn, "ledgerbank_read", statement_timeout_ms=0) as live:
            live.execute("SET idle_in_transaction_session_timeout = 0")
            live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self.fold_to(live_position(live, self.projector.name))
            with self.connection.transaction():
                differing = comparison(live, self.connection)
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
                    leftovers.forget(self.connection, self.projector, tables=False)
                    self.connection.execute(
                        SWAPPED, (self.position, live, self.position, self.projector.name)
                    )
            except errors.LockNotAvailable:
                if attempt == SWAP_ATTEMPTS:
                    raise
            else:
                return


@contextmanager
def copying(  # noqa: PLR0913  # what, with which keys, who looks on, and how
    dsn: str,
    projector: Projector,
    keks: KeyEncryptionKeys,
    progress: Progress | None,
    *,
    resume: bool = False,
    share: float = 1,
    suffix: str = shadow.NEW,
) -> Iterator[Copy]:
    """Make shadow tables for as long as the block runs; one rebuild per projection at a time.

    They stay when the block says that they are `kept`, or when somebody interrupts it.
    """
    copy = Copy(dsn, projector, keks, progress, share, suffix)
    with copy.connection as connection:
        locked = connection.execute(TRY_LOCK, (LOCK, projector.name)).fetchone()
        if locked is None or not locked[0]:
            raise Refused(Reason.REBUILD_IN_PROGRESS, projection=projector.name)
        connection.execute("SET synchronous_commit = off")
        connection.execute(BEGIN, (projector.name,))
        if not (resume and copy.go_on()):
            copy.start()
        try:
            yield copy
        except KeyboardInterrupt:
            copy.kept = True
            raise
        finally:
            if not connection.broken:
                copy.end()
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
SET position = %s, kept_position = %s, kept_at = now(), status = 'running', last_error = NULL,
    verified_at = now(), verified_position = %s, drift_rows = 0, updated_at = now()
WHERE projection = %s
"""
RELEASE = "UPDATE read.checkpoints SET holder = NULL WHERE projection = %s AND token = %s"
