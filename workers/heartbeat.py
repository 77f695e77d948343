"""The heartbeat: renews the leases of the jobs this process works on, from a thread of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic

import msgspec
import psycopg
import structlog

from workers.claims import Claim, LeaseLost, hand_back, renew
from workers.database import Clock, Pool, transaction

GRACE_SECONDS = 5
"""How long after its time limit an attempt that cannot be interrupted keeps its lease."""


class Held(msgspec.Struct, frozen=True):
    """A claim of this process, and how long it may be renewed."""

    claim: Claim
    renewable: Callable[[], bool]


class Heartbeat:
    """Knows every claim of this process; a claim past its time limit is renewed no more."""

    def __init__(
        self, pool: Pool, clock: Clock, lease_seconds: int = 30, holder: str | None = None
    ) -> None:
        self.pool, self.clock, self.lease_seconds = pool, clock, lease_seconds
        self.holder = holder
        self.held: dict[str, Held] = {}
        self.lock = Lock()
        self.stopping = Event()
        self.thread = Thread(target=self.beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self.thread.start()

    def stop(self) -> None:
        """Renew no more."""
        self.stopping.set()
        self.thread.join()

    @contextmanager
    def holding(self, claim: Claim, limit_seconds: int | None) -> Iterator[None]:
        """Keep the lease of `claim` alive inside the context."""
        with self.lock:
            self.held[claim.token] = Held(claim, within(limit_seconds))
        try:
            yield
        finally:
            with self.lock:
                self.held.pop(claim.token, None)

    def living(self) -> list[Claim]:
        """Return the claims that deserve renewal."""
        with self.lock:
            return [held.claim for held in self.held.values() if held.renewable()]

    def beat(self) -> None:
        """Renew three times per lease until stopped; a beat that fails is followed by the next."""
        while not self.stopping.wait(self.lease_seconds / 3):
            try:
                self.renew_all()
            except psycopg.Error as failure:
                structlog.get_logger().warning("heartbeat.missed", failure=str(failure))

    def renew_all(self) -> None:
        """Prolong all living leases in one statement, and say which ones were lost."""
        claims = self.living()
        if not claims:
            return
        with transaction(self.pool) as connection:
            until = self.clock(connection) + timedelta(seconds=self.lease_seconds)
            kept = renew(connection, claims, until)
        for claim in claims:
            if claim.job.id not in kept:
                structlog.get_logger().warning("job.lease_lost", job_id=claim.job.id)

    def hand_back_all(self) -> int:
        """Put back whatever is still in hand, for another worker to go on with at once."""
        with self.lock:
            claims = [held.claim for held in self.held.values()]
            self.held.clear()
        for claim in claims:
            with transaction(self.pool) as connection:
                put_back(connection, claim)
        return len(claims)


def within(limit_seconds: int | None) -> Callable[[], bool]:
    """Return the question whether the time limit, which starts now, still has not passed."""
    if limit_seconds is None:
        return lambda: True
    until = monotonic() + limit_seconds + GRACE_SECONDS
    return lambda: monotonic() < until


def put_back(connection: psycopg.Connection[object], claim: Claim) -> None:
    """Hand one claim back, unless its worker has just closed it."""
    try:
        hand_back(connection, claim)
    except LeaseLost:
        return
    structlog.get_logger().info("job.handed_back", job_id=claim.job.id)
