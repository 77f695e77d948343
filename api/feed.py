"""The feed of a process: follows the notices once, and hands them to every stream that is open."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import structlog

from api.consistency import Checkpoints
from ledger.tasks import end
from projections.checkpoints import UNREACHABLE
from projections.frames import Frame, frames_of
from projections.notices import Notice, Wanted, notices
from projections.told import Missing, Teller, occasions
from schema.postgres import Pool

log = structlog.get_logger()
READS = (
    "stream_feed", "payments", "accounts", "transactions", "holds", "transfers", "connections",
    "reconciliation",
)  # fmt: skip
"""What a query that follows a frame may ask: no frame is sent before all of them know of it."""
PAGE_NOTICES = 500
UNDELIVERED_MAX = 1_000
WAIT_SECONDS = 2.0
PAUSE_SECONDS = 0.5


class Listener:
    """One open stream: what it wants, and what it was not yet given, which is bounded.

    `payments` are wanted too, whoever owns them. `overrun`: it read too slowly, and has missed
    something.
    """

    def __init__(self, wanted: Wanted, begins_after: int) -> None:
        self.wanted, self.begins_after = wanted, begins_after
        self.payments: frozenset[str] = frozenset()
        self.pending: deque[Notice] = deque()
        self.rung = asyncio.Event()
        self.overrun = False

    def offer(self, notice: Notice) -> None:
        """Take a notice that is wanted, if there is still room."""
        watched = notice.payment_id == notice.subject in self.payments
        if notice.position <= self.begins_after or not (watched or self.wanted.takes(notice)):
            return
        if len(self.pending) >= UNDELIVERED_MAX:
            self.overrun = True
            self.pending.clear()
        if not self.overrun:
            self.pending.append(notice)
        self.rung.set()

    def take(self) -> list[Notice]:
        """Return what has come since the last time."""
        self.rung.clear()
        taken = list(self.pending)
        self.pending.clear()
        return taken

    async def wait(self, seconds: float) -> None:
        """Wait until something has come, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.rung.wait(), seconds)


class Feed:
    """Enter it (`async with`) to follow; `position` is how far its listeners have been told.

    `closing`: the server stops, and every stream has to end.
    """

    def __init__(self, pool: Pool, checkpoints: Checkpoints, teller: Teller) -> None:
        self.pool, self.checkpoints, self.teller = pool, checkpoints, teller
        self.listeners: set[Listener] = set()
        self.position = 0
        self.changes = 0
        self.closing = False
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.position = self.checkpoints.reached(READS)
        self.task = asyncio.create_task(self.follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        if self.task is not None:
            await end(self.task)

    def close(self) -> None:
        """Let every stream end."""
        self.closing = True
        for listener in self.listeners:
            listener.rung.set()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Let a listener hear of everything it wants behind `position`."""
        self.listeners.add(listener)
        self.changes += 1
        try:
            yield
        finally:
            self.listeners.discard(listener)

    def watch(self, listener: Listener, payments: frozenset[str]) -> None:
        """Let a listener hear of these payments from now on, whoever owns them."""
        listener.payments = payments
        self.changes += 1

    async def follow(self) -> None:
        """Go on and on; a database that is away is asked again."""
        while True:
            try:
                await self.step()
            except UNREACHABLE as error:
                log.warning("feed.interrupted", error=str(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def step(self) -> None:
        """Hand over what is next, or wait for something."""
        until = self.checkpoints.reached(READS)
        if until > self.position and self.listeners:
            await self.hand_over(until)
        elif until > self.position:
            self.position = until
        elif not await self.checkpoints.wait(READS, self.position + 1, WAIT_SECONDS):
            await asyncio.sleep(PAUSE_SECONDS)

    async def hand_over(self, until: int) -> None:
        """Give every listener what is theirs of the next notices.

        Who began to listen meanwhile may want what was not asked for, so all is asked for again.
        """
        before, wanted = self.changes, self.wanted()
        found = await notices(self.pool, wanted, self.position, until, PAGE_NOTICES)
        if self.changes != before:
            return
        for notice in found:
            for listener in self.listeners:
                listener.offer(notice)
        self.position = found[-1].position if len(found) == PAGE_NOTICES else until

    def wanted(self) -> Wanted:
        """Return what all listeners want together."""
        owners = {None if each.payments else each.wanted.owner for each in self.listeners}
        kinds = frozenset[str]().union(*(each.wanted.kinds for each in self.listeners))
        return Wanted(owner=owners.pop() if len(owners) == 1 else None, kinds=kinds)

    async def frames(self, notices: Sequence[Notice], names: frozenset[str]) -> list[list[Frame]]:
        """Return the frames of each notice; one that cannot be told is said and left out."""
        told = []
        for occasion in await occasions(self.pool, notices):
            try:
                told.append(await frames_of(self.teller, occasion, names))
            except Missing as missing:
                log.exception("feed.untold", exc_info=missing)
        return [each for each in told if each]
