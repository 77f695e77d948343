"""The appender: whatever arrived while the last commit was in flight is the next commit.

One per process, on one event loop. Decisions are made in memory, in order, each seeing what the
earlier ones of its batch did; one round trip commits them all if nobody else has appended since.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ledger.append.attempt import Attempts, Submission, Verdict
from ledger.append.loading import Loading
from ledger.append.memory import Memory, Overlay
from ledger.append.ports import (
    Collided,
    Decided,
    Head,
    HeadMoved,
    OutcomeUnknown,
    Store,
    Turn,
    Unavailable,
    Vault,
)
from ledger.commands.asked import Outcome
from ledger.decisions.view import NotLoaded
from ledger.errors import Reason, Refused
from ledger.policies.limits import Rules

BATCH_MAX = 256
WAITING_MAX = 4096
TRIES_MAX = 5
CONTENDED_SECONDS = 0.2
FOLLOW_MAX = 20_000
LOOKUPS_MAX = 8
RESOLVE_SECONDS = 0.25


class Waiting:
    """A command in the queue, and whoever waits for it."""

    __slots__ = ("future", "submission", "tries", "verdict")

    def __init__(self, submission: Submission, future: "asyncio.Future[Outcome]") -> None:
        self.submission, self.future = submission, future
        self.tries = 0
        self.verdict = Verdict()


class Appender:
    """The one writer of a process. `clock` gives UTC text; `committed` hears of every commit."""

    def __init__(
        self, store: Store, vault: Vault, rules: Rules, memory: Memory, clock: Callable[[], str]
    ) -> None:
        self.store, self.memory, self.clock = store, memory, clock
        self.loading = Loading(store, vault, memory)
        self.attempts = Attempts(rules, vault, self.loading.earlier)
        self.queue: deque[Waiting] = deque()
        self.in_flight: set[tuple[str, str]] = set()
        self.wake = asyncio.Event()
        self.head: Head | None = None
        self.contended_until = 0.0
        self.conflicts = 0
        self.stopping = False
        self.committed: Callable[[Head], None] = lambda _head: None
        self.changed: Callable[[Mapping[str, Any]], None] = lambda _changed: None

    def submit(self, submission: Submission) -> "asyncio.Future[Outcome]":
        """Queue a command. Refused at once when the queue is full or its key is being worked on."""
        if len(self.queue) >= WAITING_MAX or self.stopping:
            raise Refused(Reason.SERVICE_UNAVAILABLE)
        if submission.name in self.in_flight:
            raise Refused(Reason.IDEMPOTENCY_IN_PROGRESS)
        self.in_flight.add(submission.name)
        waiting = Waiting(submission, asyncio.get_running_loop().create_future())
        self.queue.append(waiting)
        self.wake.set()
        return waiting.future

    async def run(self) -> None:
        """Commit batch after batch until stopped and drained."""
        while not (self.stopping and not self.in_flight):
            if not self.queue:
                self.wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), 1.0)
                continue
            batch = [self.queue.popleft() for _ in range(min(len(self.queue), BATCH_MAX))]
            await self.commit(batch)

    async def commit(self, batch: list[Waiting]) -> None:
        """Bring every command of a batch to its outcome, or back into the queue."""
        try:
            if self.head is None:
                await self.recover()
            await self.commit_or_raise(batch)
        except HeadMoved:
            self.conflicts += 1
            self.contended_until = asyncio.get_running_loop().time() + CONTENDED_SECONDS
            self.again(batch)
        except Collided:
            await self.look_again(batch)
        except OutcomeUnknown:
            await self.resolve(batch)
        except Unavailable:
            self.head = None
            self.refuse(batch)
        except Exception as failure:  # noqa: BLE001  # one poisoned command must not stop the rest
            await self.single_out(batch, failure)

    async def single_out(self, batch: Sequence[Waiting], failure: Exception) -> None:
        """Commit the commands one by one, so that a failure meets only the one that causes it."""
        self.head = None
        if len(batch) > 1:
            for waiting in batch:
                await self.commit([waiting])
            return
        for waiting in batch:
            waiting.verdict = Verdict(failure=failure)
            self.tell(waiting, 0)

    async def commit_or_raise(self, batch: list[Waiting]) -> None:
        """Decide and append: at once, or under the head's lock where processes meet."""
        assert self.head is not None
        if asyncio.get_running_loop().time() < self.contended_until:
            await self.take_turn(batch)
            return
        overlay = Overlay(self.memory)
        ready = [waiting for waiting in batch if self.decide(waiting, overlay)]
        before = self.head
        batch[:] = ready
        if ready:
            self.settle(ready, overlay, before, await self.store.append(before, decided(ready)))

    def decide(self, waiting: Waiting, overlay: Overlay) -> bool:
        """Attempt one command; what is not in memory is fetched while the others go on."""
        try:
            self.attempt(waiting, overlay)
        except NotLoaded as missing:
            self.loading.want(missing.key, lambda: self.put_back(waiting))
            return False
        return True

    def attempt(self, waiting: Waiting, overlay: Overlay) -> None:
        """Attempt one command on top of the earlier ones of its batch."""
        assert self.head is not None
        now = max(self.clock(), self.head.recorded_at)
        try:
            waiting.verdict = self.attempts.attempt(waiting.submission, overlay, now)
        except NotLoaded:
            raise
        except Exception as failure:  # noqa: BLE001  # told to the asker; the others go on
            waiting.verdict = Verdict(failure=failure)
        overlay.changed.update(waiting.verdict.changed)

    async def take_turn(self, batch: list[Waiting]) -> None:
        """Lock the head, follow what others recorded, decide and append: this cannot lose."""
        async with self.store.turn() as turn:
            await self.catch_up(turn)
            overlay = await self.decide_locked(batch, turn)
            before = turn.head
            after = await turn.append(decided(batch))
        self.settle(batch, overlay, before, after)

    async def decide_locked(self, batch: list[Waiting], turn: Turn) -> Overlay:
        """Attempt the whole batch, fetching what is missing while nobody else can append."""
        for _ in range(LOOKUPS_MAX):
            overlay, missing = Overlay(self.memory), set[str]()
            for waiting in batch:
                try:
                    self.attempt(waiting, overlay)
                except NotLoaded as absent:
                    missing.add(absent.key)
            if not missing:
                return overlay
            await self.loading.bring(missing, turn)
        raise Unavailable

    async def catch_up(self, turn: Turn) -> None:
        """Move memory on to the locked head."""
        assert self.head is not None
        known, gap = self.head, turn.head.position - self.head.position
        if turn.head.epoch != known.epoch or not 0 <= gap <= FOLLOW_MAX:
            self.memory.forget()
        elif gap:
            self.memory.follow(await turn.follow(known.position))
        self.memory.followed_to = turn.head.position
        self.head = turn.head

    async def recover(self) -> None:
        """Find the end of the log; what memory held before is not trusted any more."""
        self.head = await self.store.head()
        self.memory.forget()
        self.memory.followed_to = self.head.position

    def settle(self, batch: Sequence[Waiting], overlay: Overlay, before: Head, after: Head) -> None:
        """Tell everybody, now that it is committed."""
        self.head = after
        self.memory.accept(overlay.changed)
        self.changed(overlay.changed)
        position = before.position
        for waiting in batch:
            written = waiting.verdict.decided
            if written is not None and written.events:
                position += len(written.events)
                self.tell(waiting, position)
            else:
                self.tell(waiting, after.position)
            if written is not None:
                self.loading.remember(written, position)
        assert position == after.position, "positions are contiguous"
        if after.position != before.position:
            self.committed(after)

    def tell(self, waiting: Waiting, position: int) -> None:
        """Resolve the future of one command."""
        self.in_flight.discard(waiting.submission.name)
        if waiting.future.done():
            return
        try:
            waiting.future.set_result(waiting.verdict.outcome(position))
        except Exception as told:  # noqa: BLE001  # a refusal or a failure: the asker's to judge
            waiting.future.set_exception(told)

    def put_back(self, waiting: Waiting) -> None:
        """Queue a command again, in front; after some tries it is refused instead."""
        waiting.tries += 1
        if waiting.tries > TRIES_MAX * LOOKUPS_MAX:
            self.refuse([waiting])
            return
        self.queue.appendleft(waiting)
        self.wake.set()

    def again(self, batch: Sequence[Waiting]) -> None:
        """Queue a batch again, in its order."""
        for waiting in reversed(batch):
            self.put_back(waiting)

    def refuse(self, batch: Sequence[Waiting]) -> None:
        """Tell that nothing was recorded, or that asking again with the same key will tell."""
        for waiting in batch:
            waiting.verdict = Verdict(refused=Refused(Reason.SERVICE_UNAVAILABLE))
            self.tell(waiting, 0)

    async def look_again(self, batch: Sequence[Waiting]) -> None:
        """Find out what of a batch exists already, then let it be decided again."""
        self.conflicts += 1
        self.contended_until = asyncio.get_running_loop().time() + CONTENDED_SECONDS
        streams = {stream for each in decided(batch) for stream, _, _ in each.events}
        self.memory.forget([key for key in self.memory.entries if key.startswith("claim:")])
        self.memory.forget(streams)
        try:
            await self.loading.look_up([waiting.submission.name for waiting in batch])
            await self.loading.bring(streams)
        except Unavailable:
            self.head = None
            self.refuse(batch)
            return
        self.again(batch)

    async def resolve(self, batch: Sequence[Waiting]) -> None:
        """Look the commands up: a commit whose answer was lost counts, another is tried again."""
        self.head = None
        for pause in (0.0, 1.0, 2.0, 4.0):
            await asyncio.sleep(pause * RESOLVE_SECONDS)
            try:
                found = await self.store.find([each.submission.name for each in batch])
            except Unavailable:
                continue
            for waiting in batch:
                earlier = found.get(waiting.submission.name)
                if earlier and earlier.command_id == waiting.submission.command_id:
                    self.tell(waiting, earlier.last_position)
                else:
                    self.put_back(waiting)
            return
        self.refuse(batch)


def decided(batch: Sequence[Waiting]) -> list[Decided]:
    """Return what a batch must write."""
    return [each.verdict.decided for each in batch if each.verdict.decided is not None]
