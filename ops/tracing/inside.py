"""What is traced inside the house: commands, appends, and the batches of read models."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue
from typing_extensions import override

from ledger.append.ports import Decided, Head, Staged
from ledger.application import PLAIN, Ledger
from ledger.commands.asked import Asked, Outcome
from ledger.commands.command import Command, Context
from ledger.errors import Refused
from ledger.events.event import Event
from ops.tracing.tracer import BROKEN_FROM, Tracer, failed
from projections.leases import Leases
from projections.log import Logged
from projections.runner import Follower, Runner
from schema.append import Rows
from schema.postgres import Pool
from schema.store import LockedHead, LogStore


class TracedLedger(Ledger):
    """A ledger whose commands are spans; a refusal by the rules is no failure."""

    def __init__(self, *parts: Any, tracer: Tracer) -> None:
        super().__init__(*parts)
        self.tracer = tracer

    @override
    async def handle(self, command: Command, context: Context, asked: Asked = PLAIN) -> Outcome:
        name = f"command {type(command).__name__}"
        told = {"ledgerbank.actor_type": context.actor.type}
        with self.tracer.within(name, SpanKind.INTERNAL, context.traceparent, told) as span:
            try:
                outcome = await super().handle(command, context, asked)
            except Refused as refusal:
                refused = refusal
            else:
                span.set_attribute("ledgerbank.replayed", outcome.replayed)
                return outcome
            span.set_attribute("ledgerbank.reason", refused.reason.value)
            if refused.reason.fact.status >= BROKEN_FROM:
                failed(span, refused.reason.value)
        raise refused


class TracedRows(Rows):
    """A batch that knows whose stories are in it."""

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.stories: list[str] = []

    @override
    def add(self, each: Decided) -> None:
        super().add(each)
        if each.events and each.metadata.traceparent is not None:
            self.stories.append(each.metadata.traceparent)


class TracedStore(LogStore):
    """A store whose appends are spans."""

    def __init__(self, dsn: str, pool: Pool, tracer: Tracer) -> None:
        super().__init__(dsn, pool)
        self.tracer = tracer

    @override
    def stage(self, head: Head) -> Rows:
        return TracedRows(head)

    @override
    async def commit(self, staged: Staged) -> None:
        with appending(self.tracer, staged):
            await super().commit(staged)

    @override
    @asynccontextmanager
    async def turn(self) -> AsyncIterator[LockedHead]:
        async with super().turn() as turn:
            yield TracedHead(turn, self.tracer)


class TracedHead(LockedHead):
    """The locked head; what is appended under it is a span."""

    def __init__(self, turn: LockedHead, tracer: Tracer) -> None:
        super().__init__(turn.connection, turn.head)
        self.turn, self.tracer = turn, tracer

    @override
    async def append(self, staged: Staged) -> None:
        with appending(self.tracer, staged):
            await self.turn.append(staged)


def appending(tracer: Tracer, staged: Staged) -> AbstractContextManager[None]:
    """Trace an append; one without events only looks whether the head has moved."""
    assert isinstance(staged, TracedRows), "a batch is staged by the store that commits it"
    events = staged.position - staged.before.position
    if not events:
        return nullcontext()
    told: dict[str, AttributeValue] = {
        "db.system.name": "postgresql",
        "ledgerbank.events": events,
        "ledgerbank.position": staged.position,
    }
    return tracer.linked("append", staged.stories, told)


class TracedRunner(Runner):
    """A runner whose batches are spans, linked with the stories they tell."""

    def __init__(self, *parts: Any, tracer: Tracer, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.tracer = tracer

    @override
    def apply(
        self, leases: Leases, group: Sequence[Follower], batch: list[Logged[Event]], end: int
    ) -> None:
        traced = (each.trace.metadata.traceparent for each in batch if each.trace is not None)
        stories = [each for each in traced if each is not None]
        told: dict[str, AttributeValue] = {
            "ledgerbank.projections": [each.projector.name for each in group],
            "ledgerbank.events": len(batch),
            "ledgerbank.position": end,
        }
        with self.tracer.linked("project", stories, told):
            super().apply(leases, group, batch, end)
