"""The notebook: what the audit log is to be told of requests that were refused.

Nobody waits for it: a note is put down in microseconds and recorded soon after its answer. It is
bounded; what does not fit, or cannot be recorded for seconds on end, is counted and logged.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, TypeAlias

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter

from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.errors import Refused
from ledger.tasks import end

Record: TypeAlias = Callable[[RecordSecurityEvent, Context], Awaitable[Any]]
NOTES_MAX = 2_000
AT_ONCE = 32
PAUSES_SECONDS = (0.0, 0.25, 1.0, 3.0)
"""Before each try to record a note; a database that is away longer than that loses it."""
LAST_SECONDS = 5.0
"""How long a process that ends may take to record what it has noted."""
COMPLAIN_SECONDS = 60.0
log = structlog.get_logger()


class Note(msgspec.Struct, frozen=True):
    """A security event, and in which story of whom it happened."""

    command: RecordSecurityEvent
    context: Context


class Notebook:
    """The notes of one process, recorded on its event loop in the order they were put down."""

    def __init__(
        self, record: Record, registry: CollectorRegistry | None = None, notes_max: int = NOTES_MAX
    ) -> None:
        self.record, self.notes_max = record, notes_max
        self.notes: deque[Note] = deque()
        self.wake, self.idle = asyncio.Event(), asyncio.Event()
        self.idle.set()
        self.complain_at = 0.0
        self.fates = Counter(
            "ledgerbank_audit_notes",
            "Security events noted at the edge, by what became of them",
            ["fate"],
            registry=registry,
        )

    def put_down(self, note: Note) -> None:
        """Take a note, to be recorded soon; when the book is full it is lost."""
        if len(self.notes) >= self.notes_max:
            self.lose(note)
            return
        self.notes.append(note)
        self.idle.clear()
        self.wake.set()

    def count_held_back(self) -> None:
        """Count something that was not even noted, because enough was said."""
        self.fates.labels("held_back").inc()

    async def settled(self, seconds: float) -> bool:
        """Wait until everything noted is recorded, or for `seconds`; say if there was anything."""
        if self.idle.is_set():
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self.idle.wait(), seconds)
        return True

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Record notes for as long as the block runs, and what is left at its end."""
        keeping = asyncio.create_task(self.keep())
        try:
            yield
        finally:
            await self.settled(LAST_SECONDS)
            await end(keeping)
            for note in self.notes:
                self.lose(note)

    async def keep(self) -> None:
        """Record notes, some at once, for ever."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.notes:
                taken = [self.notes.popleft() for _ in range(min(AT_ONCE, len(self.notes)))]
                await asyncio.gather(*(self.recorded(note) for note in taken))
            self.idle.set()

    async def recorded(self, note: Note) -> None:
        """Record one note, trying again while the ledger cannot be reached."""
        for pause in PAUSES_SECONDS:
            await asyncio.sleep(pause)
            try:
                await self.record(note.command, note.context)
            except Refused as refused:
                if not refused.reason.fact.retryable:
                    break
            except asyncio.CancelledError:
                self.lose(note)
                raise
            except Exception as failure:  # a note must never stop the others
                log.exception("audit.broke", exc_info=failure)
                break
            else:
                self.fates.labels("recorded").inc()
                return
        self.lose(note)

    def lose(self, note: Note) -> None:
        """Count a note that is not recorded, and say so once a minute."""
        self.fates.labels("lost").inc()
        if monotonic() >= self.complain_at:
            self.complain_at = monotonic() + COMPLAIN_SECONDS
            action = type(note.command.event).__name__
            log.error("audit.lost", action=action, waiting=len(self.notes))
