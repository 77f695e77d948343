"""Runner: follows the log for all projections of a process, many events to one commit."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import pairwise
from threading import Event as Signal
from time import monotonic

import psycopg
import structlog

from ledger.events.event import Event
from ledger.identity import new_id
from projections.bell import Bell
from projections.erasing import forget_kept
from projections.known import Known
from projections.leases import Lease, LeaseLost, Leases
from projections.log import (
    END_OF_TIME,
    Hole,
    Line,
    Logged,
    Undecodable,
    decode_lines,
    read_page,
)
from projections.projector import POISON, Fold, Poisoned, Projector, apply, needs, relevant
from projections.rebuild import drop_expired
from projections.rows import Rows
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys

log = structlog.get_logger()

ROWS_MAX = 20_000
BATCH_TIMEOUT_MS = 60_000
RECONNECT_SECONDS = 0.5
ASK_SECONDS, RENEW_SECONDS, TIDY_SECONDS = 0.25, 1.0, 600.0
UNAPPLICABLE = (Poisoned, Undecodable, *POISON)
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)


class Follower:
    """One projection on its way: alone to `alone_until`, by single commands to `slow_until`."""

    def __init__(self, projector: Projector, known: Known) -> None:
        self.projector = projector
        self.known = known
        self.lease: Lease | None = None
        self.alone_until = 0
        self.slow_until = 0
        self.forget()

    def forget(self) -> None:
        """Drop the rows in memory: what was not committed never was."""
        self.fold = Fold(Rows(self.projector.tables), self.known)


class Runner:
    """Moves the given projections along; any number of runners may compete for them.

    `run` blocks until `stop`; it survives a lost database and stops only what cannot be applied.
    """

    def __init__(
        self, dsn: str, projectors: Iterable[Projector], keks: KeyEncryptionKeys, holder: str
    ) -> None:
        self.dsn, self.holder = dsn, f"{holder} {new_id()}"
        self.known = Known(keks)
        self.followers = {each.name: Follower(each, self.known) for each in projectors}
        self.stopping = Signal()
        self.renew_at = self.tidy_at = 0.0
        self.connected = True
        self.poll_seconds = 0.025
        self.lease_seconds = 10.0
        self.batch_events = 5_000

    def stop(self) -> None:
        """Let `run` return after the batch in flight."""
        self.stopping.set()

    def run(self) -> None:
        """Follow the log until stopped, whatever it takes to reconnect; a loss is said once."""
        while not self.stopping.is_set():
            try:
                self.follow()
            except BROKEN as error:
                if self.connected:
                    log.warning("projections.disconnected", error=str(error))
                self.connected = False
                self.stopping.wait(RECONNECT_SECONDS)

    def follow(self) -> None:
        """Follow the log on one connection."""
        with connected(self.dsn) as connection, Bell(self.dsn) as bell:
            self.connected = True
            leases = Leases(connection, self.holder, self.lease_seconds)
            self.drop(self.followers.values())
            while not self.stopping.is_set():
                if monotonic() >= self.renew_at:
                    self.keep(leases)
                if not self.advance(leases):
                    bell.wait(self.poll_seconds)
            leases.release(self.held(self.followers.values()))

    def keep(self, leases: Leases) -> None:
        """Renew the leases we hold and take those that are free."""
        ours = leases.renew(self.held(self.followers.values()))
        lost = [each for each in self.followers.values() if each.projector.name not in ours]
        self.drop(lost)
        taken = leases.acquire([each.projector.name for each in lost]) if lost else {}
        for name, lease in taken.items():
            self.followers[name].lease = lease
            log.info("projection.running", projection=name, position=lease.position)
        all_held = len(ours) + len(taken) == len(self.followers)
        self.tidy(leases)
        pause = min(self.lease_seconds / 3, RENEW_SECONDS) if all_held else ASK_SECONDS
        self.renew_at = monotonic() + pause

    def tidy(self, leases: Leases) -> None:
        """Drop what rebuilds have put aside for long enough, now and then."""
        if monotonic() < self.tidy_at:
            return
        self.tidy_at = monotonic() + TIDY_SECONDS
        for follower in self.followers.values():
            if follower.lease is not None and drop_expired(leases.connection, follower.projector):
                log.info("projection.kept_tables_dropped", projection=follower.projector.name)

    def drop(self, followers: Iterable[Follower]) -> None:
        """Forget leases, and rows that somebody else may write from now on; then look again."""
        self.renew_at = 0.0
        for follower in followers:
            follower.lease = None
            follower.forget()

    def held(self, followers: Iterable[Follower]) -> list[Lease]:
        """Return the leases of `followers`."""
        return [each.lease for each in followers if each.lease is not None]

    def advance(self, leases: Leases) -> bool:
        """Move every projection by one batch; return whether any moved.

        Projections at the same place share one batch, so the log is read and decoded once; one
        that is behind stops where the next one stands, so that they go on together.
        """
        moved = False
        places = sorted({lease.position for lease in self.held(self.followers.values())})
        for place, until in pairwise([*places, END_OF_TIME]):
            for group in self.groups(place):
                moved = self.step(leases, group, until) or moved
        return moved

    def groups(self, place: int) -> list[list[Follower]]:
        """Return the followers at `place`: those in trouble one by one, the others as one."""
        here = [
            each for each in self.followers.values() if each.lease and each.lease.position == place
        ]
        groups = [[each] for each in here if each.alone_until > place]
        together = [each for each in here if each.alone_until <= place]
        return [*groups, together] if together else groups

    def step(self, leases: Leases, group: Sequence[Follower], until: int) -> bool:
        """Apply the next batch to `group`; return whether it moved."""
        place = self.held(group)[0].position
        limit = 1 if group[0].slow_until > place else self.batch_events
        names = frozenset().union(*(each.projector.reads for each in group))
        lines: list[Line] = []
        try:
            lines = read_page(leases.connection, names, place, limit, until)
            if lines:
                self.apply(leases, group, list(decode_lines(lines)), lines[-1][0])
        except Hole as error:
            self.fail(leases, group, error)
        except LeaseLost as error:
            log.warning("projections.lease_lost", projections=str(error))
            self.drop(group)
        except UNAPPLICABLE as error:
            self.isolate(leases, group, lines, error)
        return bool(lines)

    def apply(
        self, leases: Leases, group: Sequence[Follower], batch: list[Logged[Event]], end: int
    ) -> None:
        """Fold one batch and commit rows and checkpoints together."""
        connection = leases.connection
        tasks = [relevant(each.projector, batch) for each in group]
        needed = [needs(each) for each in tasks]
        self.known.learn(connection, batch, set().union(*(each.streams for each in needed)))
        for follower, todo, needing in zip(group, tasks, needed, strict=True):
            follower.fold.rows.read(connection, needing.keys)
            apply(todo, follower.fold)
        self.commit(leases, group, end)

    def commit(self, leases: Leases, group: Sequence[Follower], end: int) -> None:
        """Write what was folded and move the checkpoints, in one database transaction."""
        connection = leases.connection
        bulky = any(each.fold.rows.bulky for each in group)
        with nullcontext() if bulky else connection.pipeline(), connection.transaction():
            for follower in group:
                if follower.fold.rows.erasing:
                    forget_kept(connection, follower.projector)
                follower.fold.rows.write(connection)
            leases.advance(self.held(group), end)
        for follower in group:
            follower.fold.rows.wrote(ROWS_MAX)
            assert follower.lease is not None, "only a holder advances"
            follower.lease = Lease(follower.projector.name, end, follower.lease.token)

    def isolate(
        self, leases: Leases, group: Sequence[Follower], lines: list[Line], error: Exception
    ) -> None:
        """Find out who cannot apply what: go on one by one, then command by command, then stop."""
        place = self.held(group)[0].position
        end = lines[-1][0] if lines else place + 1
        for follower in group:
            follower.forget()
        if len(group) > 1:
            for follower in group:
                follower.alone_until = end
        elif group[0].slow_until <= place:
            group[0].alone_until = group[0].slow_until = end
        else:
            self.fail(leases, group, error)

    def fail(self, leases: Leases, group: Sequence[Follower], error: Exception) -> None:
        """Stop projections where they are and raise the alarm."""
        for lease in self.held(group):
            reason = (
                str(error)
                if isinstance(error, Hole | Poisoned | Undecodable)
                else (f"after position {lease.position}: {type(error).__name__}: {error}")
            )
            leases.fail(lease, reason)
            log.error("projection.stopped", projection=lease.projection, error=reason)
        self.drop(group)


def connected(dsn: str) -> psycopg.Connection:
    """Open the connection that reads the log and writes read models."""
    connection = connect(dsn, "ledgerbank_read", statement_timeout_ms=BATCH_TIMEOUT_MS)
    connection.execute(UNHURRIED)
    return connection


UNHURRIED = "SET synchronous_commit = off"
"""Rows and checkpoint are lost together, if at all, and made again from the log."""
