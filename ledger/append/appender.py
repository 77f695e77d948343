"""The appender: commands are decided as they arrive, and committed many at a time.

One per process, on one event loop. While one batch is being committed the next one is decided in
memory, on top of it, each command seeing what the earlier ones did; one round trip commits a batch
if nobody else has appended since. When that fails nothing was told yet, and all is decided again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ledger.append.attempt import Attempts, Verdict
from ledger.append.batch import BATCH_MAX, Batch, moved
from ledger.append.loading import Loading
from ledger.append.memory import CLAIM, Memory, Overlay
from ledger.append.ports import (
    Collided,
    Head,
    HeadMoved,
    OutcomeUnknown,
    Staged,
    Store,
    Turn,
    Unavailable,
    Vault,
)
from ledger.append.queue import Queue, Waiting, decided
from ledger.decisions.view import NotLoaded
from ledger.policies.limits import Rules

DECIDED_AT_ONCE = 16
FOLLOW_MAX = 20_000
LOOKUPS_MAX = 16
CONTENDED_SECONDS, RESOLVE_SECONDS, IDLE_SECONDS = 0.2, 0.25, 1.0


class Appender:
    """The one writer of a process. `clock` gives UTC text; `committed` hears of every commit."""

    def __init__(
        self, store: Store, vault: Vault, rules: Rules, memory: Memory, clock: Callable[[], str]
    ) -> None:
        self.store, self.memory, self.clock = store, memory, clock
        self.loading = Loading(store, vault, memory)
        self.attempts = Attempts(rules, vault, self.loading.earlier)
        self.queue = Queue()
        self.head: Head | None = None
        self.flying: Batch | None = None
        self.next: Batch | None = None
        self.contended_until = 0.0
        self.conflicts = 0
        self.committed: Callable[[Head], None] = lambda _head: None
        self.changed: Callable[[Mapping[str, Any]], None] = lambda _changed: None

    async def run(self) -> None:
        """Commit batch after batch until the queue is closed and drained."""
        while not (self.queue.closed and not self.queue.in_flight):
            self.queue.wake.clear()
            if not await self.step():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.queue.wake.wait(), IDLE_SECONDS)

    async def step(self) -> bool:
        """Do what can be done now; say whether there may be more to do at once."""
        flying = self.flying
        if flying is not None and flying.commit is not None and flying.commit.done():
            await self.land(flying)
            return True
        if flying is None and self.queue.waiting and (self.head is None or self.contended()):
            await self.guarded(self.queue.take(BATCH_MAX))
            return True
        self.decide_queued()
        if flying is None and self.next is not None and self.worthwhile(self.next):
            self.launch(self.next)
        if not self.decidable():
            return False
        await asyncio.sleep(0)
        return True

    def contended(self) -> bool:
        """Say whether another process was met a moment ago."""
        return asyncio.get_running_loop().time() < self.contended_until

    def decidable(self) -> bool:
        """Say whether a command waits that can be decided now."""
        able = self.queue.waiting and self.head is not None and not self.contended()
        return bool(able) and (self.next is None or self.next.has_room)

    def worthwhile(self, batch: Batch) -> bool:
        """Say whether to send a batch: half of all, so that the rest is decided meanwhile."""
        return not self.decidable() or 2 * len(batch.waiting) >= len(self.queue.in_flight)

    def decide_queued(self) -> None:
        """Decide some of what has arrived, on top of the batch that is being committed."""
        for _ in range(DECIDED_AT_ONCE):
            if self.head is None or not self.decidable():
                return
            if self.next is None:
                under = self.memory if self.flying is None else self.flying.overlay
                after = self.head if self.flying is None else self.flying.staged.head
                self.next = Batch(Overlay(under), self.store.stage(after))
            waiting = self.queue.waiting.popleft()
            try:
                self.attempt(waiting, self.next.overlay, self.next.staged.head)
            except NotLoaded as missing:
                self.loading.want(missing.keys, partial(self.resume, waiting))
                continue
            self.stage(waiting, self.next)

    def stage(self, waiting: Waiting, batch: Batch) -> None:
        """Put a decided command into a batch; one that cannot be written spoils the batch."""
        try:
            if waiting.verdict.decided is not None:
                batch.staged.add(waiting.verdict.decided)
        except Exception as failure:  # noqa: BLE001  # told to the asker; the others go on
            self.next = None
            self.queue.fail(waiting, failure)
            self.queue.waiting.extendleft(reversed(batch.waiting))
            return
        batch.waiting.append(waiting)
        batch.weight += waiting.submission.command.weight

    def resume(self, waiting: Waiting, failure: Exception | None) -> None:
        """Decide a command again, now that what it asked for is there; or tell why it is not."""
        if failure is None:
            self.queue.put_back(waiting)
        else:
            self.queue.fail(waiting, failure)

    def launch(self, batch: Batch) -> None:
        """Send a batch on its way, unless all its commands wait for something to be fetched."""
        self.next = None
        if not batch.waiting:
            return
        self.flying = batch
        batch.commit = asyncio.create_task(self.store.commit(batch.staged))
        batch.commit.add_done_callback(lambda _: self.queue.wake.set())

    async def land(self, batch: Batch) -> None:
        """Tell what became of a batch; when it failed, what was decided on top of it is undone."""
        assert batch.commit is not None
        self.flying = None
        if batch.commit.exception() is None:
            self.settle(batch.waiting, batch.overlay, batch.staged)
            if self.next is not None:
                self.next.overlay.under = self.memory
            return
        if self.next is not None:
            self.queue.waiting.extendleft(reversed(self.next.waiting))
            self.next = None
        await self.guarded(batch.waiting, batch.commit)

    async def guarded(
        self, batch: list[Waiting], commit: "asyncio.Task[None] | None" = None
    ) -> None:
        """Bring every command of a batch to its outcome, or back into the queue."""
        try:
            await self.bring_home(batch, commit)
        except Exception as failure:  # noqa: BLE001  # one poisoned command must not stop the rest
            await self.single_out(batch, failure)

    async def bring_home(self, batch: list[Waiting], commit: "asyncio.Task[None] | None") -> None:
        """Answer what is known to go wrong with a commit."""
        try:
            await (self.take_turn(batch) if commit is None else commit)
        except HeadMoved:
            self.meet_others()
            self.queue.again(batch)
        except Collided:
            await self.look_again(batch)
        except OutcomeUnknown:
            await self.resolve(batch)
        except Unavailable:
            self.head = None
            self.queue.refuse(batch)

    async def single_out(self, batch: Sequence[Waiting], failure: Exception) -> None:
        """Commit the commands one by one, so that a failure meets only the one that causes it."""
        self.head = None
        for waiting in batch:
            if len(batch) > 1:
                await self.guarded([waiting])
            else:
                self.queue.fail(waiting, failure)

    def attempt(self, waiting: Waiting, overlay: Overlay, head: Head) -> None:
        """Attempt one command on top of the earlier ones. Raises `NotLoaded`."""
        now = max(self.clock(), head.recorded_at)
        try:
            waiting.verdict = self.attempts.attempt(waiting.submission, overlay, now, head.position)
        except NotLoaded:
            raise
        except Exception as failure:  # noqa: BLE001  # told to the asker; the others go on
            waiting.verdict = Verdict(failure=failure)
        overlay.changed.update(waiting.verdict.changed)

    async def take_turn(self, batch: list[Waiting]) -> None:
        """Lock the head, follow what others recorded, decide and append: this cannot lose."""
        if self.head is None:
            await self.recover()
        async with self.store.turn() as turn:
            await self.catch_up(turn)
            overlay = await self.decide_locked(batch, turn)
            staged = self.store.stage(turn.head)
            for written in decided(batch):
                staged.add(written)
            await turn.append(staged)
        self.settle(batch, overlay, staged)

    async def decide_locked(self, batch: list[Waiting], turn: Turn) -> Overlay:
        """Attempt the whole batch, fetching what is missing while nobody else can append."""
        for _ in range(LOOKUPS_MAX):
            overlay, missing, head = Overlay(self.memory), set[str](), turn.head
            for waiting in batch:
                try:
                    self.attempt(waiting, overlay, head)
                except NotLoaded as absent:
                    missing.update(absent.keys)
                    continue
                head = moved(head, waiting)
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

    def settle(self, batch: Sequence[Waiting], overlay: Overlay, staged: Staged) -> None:
        """Tell everybody, now that it is committed."""
        before, self.head = staged.before, staged.head
        self.memory.accept(overlay.changed)
        self.changed(overlay.changed)
        position = before.position
        for waiting in batch:
            written = waiting.verdict.decided
            changed = written is not None and bool(written.events)
            if written is not None:
                position += len(written.events)
                self.loading.remember(written, position)
            self.queue.tell(waiting, position if changed else self.head.position)
        assert position == self.head.position, "positions are contiguous"
        if position != before.position:
            self.committed(self.head)

    def meet_others(self) -> None:
        """Go on under the head's lock for a while: another process appends too."""
        self.conflicts += 1
        self.contended_until = asyncio.get_running_loop().time() + CONTENDED_SECONDS

    async def look_again(self, batch: Sequence[Waiting]) -> None:
        """Find out what of a batch exists already, then let it be decided again."""
        self.meet_others()
        streams = {stream for each in decided(batch) for stream, _, _ in each.events}
        self.memory.forget([key for key in self.memory.entries if key.startswith(CLAIM)])
        self.memory.forget(streams)
        if self.head is not None:
            self.memory.followed_to = self.head.position
        try:
            await self.loading.look_up([waiting.submission.name for waiting in batch])
            await self.loading.bring(streams)
        except Unavailable:
            self.head = None
            self.queue.refuse(batch)
            return
        self.queue.again(batch)

    async def resolve(self, batch: Sequence[Waiting]) -> None:
        """Look the commands up: a commit whose answer was lost counts, another is tried again."""
        self.head = None
        for pause in (0.0, 1.0, 2.0, 4.0):
            await asyncio.sleep(pause * RESOLVE_SECONDS)
            try:
                found = await self.store.find([each.submission.name for each in batch])
            except Unavailable:
                continue
            for waiting in reversed(batch):
                earlier = found.get(waiting.submission.name)
                if earlier and earlier.command_id == waiting.submission.command_id:
                    self.queue.tell(waiting, earlier.last_position)
                else:
                    self.queue.put_back(waiting)
            return
        self.queue.refuse(batch)
