"""Checkpoints: how far the read models have come, pushed to whoever waits for one (design §6)."""

import asyncio
from contextlib import suppress
from typing import Self

import msgspec
import psycopg
import structlog
from psycopg_pool import PoolTimeout, TooManyRequests

from ledger.tasks import end
from projections.leases import CHANNEL
from schema.postgres import Pool, connect_async

log = structlog.get_logger()

FAILED = "failed"
UNREACHABLE = (psycopg.Error, PoolTimeout, TooManyRequests)
RECONNECT_SECONDS = 0.1


class Head(msgspec.Struct, frozen=True):
    """The end of the log, and the id of the store it belongs to."""

    position: int
    epoch: str


class Waiter(msgspec.Struct, eq=False):
    """Somebody who needs `projections` to have applied `position`."""

    projections: tuple[str, ...]
    position: int
    reached: asyncio.Future[bool]


class Checkpoints:
    """Knows every checkpoint by push, checks by polling, and holds back a bounded crowd.

    Enter it (`async with`) to keep it up to date. Notifications are only faster than polling:
    losing them, or the connection they come on, delays a waiter by one poll.
    """

    def __init__(
        self, dsn: str, pool: Pool, *, poll_seconds: float = 0.25, waiters_max: int = 1_000
    ) -> None:
        self.dsn, self.pool = dsn, pool
        self.poll_seconds, self.waiters_max = poll_seconds, waiters_max
        self.seen: dict[str, int] = {}
        self.failed: set[str] = set()
        self.waiters: set[Waiter] = set()
        self.tasks: list[asyncio.Task[None]] = []
        self.upcoming: asyncio.Task[Head] | None = None
        self.looking = asyncio.Lock()
        self.settling = False
        self.hearing = True

    async def __aenter__(self) -> Self:
        await self.current()
        self.tasks = [asyncio.create_task(self.poll()), asyncio.create_task(self.listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(*self.tasks)

    async def head(self) -> int:
        """Return the last committed position as of now."""
        return (await self.current()).position

    async def current(self) -> Head:
        """Return the end of the log as of now; callers that come together share one look.

        A look that has begun is too old for who comes later, so that one waits for the next.
        """
        if self.upcoming is None:
            self.upcoming = asyncio.create_task(self.take_turn())
        return await asyncio.shield(self.upcoming)

    def reached(self, projections: tuple[str, ...]) -> int:
        """Return the position all of `projections` have applied."""
        return min(self.seen.get(name, 0) for name in projections)

    def stopped(self, projections: tuple[str, ...]) -> bool:
        """Say whether one of `projections` has failed and will not move by itself."""
        return not self.failed.isdisjoint(projections)

    async def wait(self, projections: tuple[str, ...], position: int, seconds: float) -> bool:
        """Wait until all of `projections` have applied `position`.

        False when time ran out, one of them has stopped, or too many are waiting already.
        """
        if self.reached(projections) >= position:
            return True
        if self.stopped(projections) or len(self.waiters) >= self.waiters_max:
            return False
        reached = asyncio.get_running_loop().create_future()
        waiter = Waiter(projections, position, reached)
        self.waiters.add(waiter)
        try:
            return await asyncio.wait_for(reached, seconds)
        except TimeoutError:
            return False
        finally:
            self.waiters.discard(waiter)

    async def take_turn(self) -> Head:
        """Look once the look in flight is over."""
        async with self.looking:
            self.upcoming = None
            return await self.look()

    async def look(self) -> Head:
        """Read head and checkpoints; one that is lower than it was (a restore) is believed."""
        before = dict(self.seen)
        async with self.pool.connection() as connection:
            row = await (await connection.execute(LOOK)).fetchone()
        assert row is not None, "the log has a head"
        found = msgspec.json.decode(row[2], type=dict[str, tuple[int, str]])
        for name, (position, _) in found.items():
            unmoved = self.seen.get(name) == before.get(name)
            self.seen[name] = position if unmoved else max(position, self.seen[name])
        self.failed = {name for name, (_, status) in found.items() if status == FAILED}
        self.settle_soon()
        return Head(row[0], row[1])

    async def poll(self) -> None:
        """Look again and again; a database that is away is asked again."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            with suppress(*UNREACHABLE):
                await self.current()

    async def listen(self) -> None:
        """Hear every batch, on a connection of its own; its loss is said once."""
        while True:
            try:
                await self.listen_once()
            except UNREACHABLE as error:
                if self.hearing:
                    log.warning("checkpoints.disconnected", error=str(error))
                self.hearing = False
                await asyncio.sleep(RECONNECT_SECONDS)

    async def listen_once(self) -> None:
        """Hear notifications until the connection breaks."""
        async with await connect_async(self.dsn, "ledgerbank_app") as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self.hearing = True
            await self.current()
            async for notification in connection.notifies():
                self.hear(notification.payload)

    def hear(self, payload: str) -> None:
        """Take in `<projection>:<position>` or `<projection>:failed`."""
        name, _, news = payload.rpartition(":")
        if news == FAILED:
            self.failed.add(name)
        else:
            self.seen[name] = max(self.seen.get(name, 0), int(news))
        self.settle_soon()

    def settle_soon(self) -> None:
        """Look at the waiters once, however much is heard at this moment."""
        if self.waiters and not self.settling:
            self.settling = True
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Release whoever has what they need, and whoever waits in vain."""
        self.settling = False
        for waiter in self.waiters:
            if waiter.reached.done():
                continue
            if self.reached(waiter.projections) >= waiter.position:
                waiter.reached.set_result(True)
            elif self.stopped(waiter.projections):
                waiter.reached.set_result(False)


async def list_projections(pool: Pool) -> bytes:
    """Return all Projections (http.md §3) as a JSON array."""
    async with pool.connection() as connection:
        row = await (await connection.execute(LIST)).fetchone()
    assert row is not None, "an aggregate has one row"
    content: bytes = row[0]
    return content


LOOK = """
SELECT head.position, head.epoch, (
    SELECT coalesce(json_object_agg(projection, json_build_array(position, status)), '{}')
    FROM read.checkpoints
)
FROM log.head
"""
LIST = """
SELECT coalesce(json_agg(found ORDER BY found.name), '[]')
FROM (
    SELECT c.projection AS name, c.position, head.position AS head,
        head.position - c.position AS lag,
        CASE WHEN c.paused_at IS NOT NULL AND c.status = 'running' THEN 'paused' ELSE c.status END
            AS status,
        c.last_error,
        to_char(c.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at
    FROM read.checkpoints AS c, log.head
) AS found
"""
