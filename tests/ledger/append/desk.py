"""A desk: appenders on one database in memory, and people who ask them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ledger.append.appender import Appender
from ledger.append.attempt import Submission
from ledger.append.memory import Memory
from ledger.application import shown_subject
from ledger.commands.asked import Answer, Asked, Idempotency, Loaded, Outcome, Reveal
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused
from ledger.events.recorded import Actor
from ledger.identity import new_id
from tests.builders import AS_ANNA, NOON, RULES, TOWN, Line
from tests.ledger.append.database import Database
from tests.ledger.append.store import FakeStore
from tests.ledger.append.vault import FakeVault
from tests.ledger.books import FIRST_KEY

T = TypeVar("T")


class Desk:
    """One process: an appender with its own memory, vault and way to the database."""

    def __init__(self, database: Database, pauses: Iterator[int] | None = None) -> None:
        self.database, self.now = database, NOON
        self.store, self.vault = FakeStore(database, pauses), FakeVault()
        self.memory = Memory(self.vault, 10_000)
        self.appender = Appender(self.store, self.vault, RULES, self.memory, lambda: self.now)
        self.heads: list[int] = []
        self.appender.committed = lambda head: self.heads.append(head.position)

    def submit(
        self,
        command: Command,
        by: Actor = AS_ANNA,
        asked: Asked | None = None,
        session: tuple[str, int] | None = None,
    ) -> "asyncio.Future[Outcome]":
        """Queue a command of somebody."""
        return self.appender.queue.submit(submission(command, by, asked, session))

    async def ask(self, command: Command, by: Actor = AS_ANNA, asked: Asked | None = None) -> Any:
        """Return what becomes of a command: its outcome, or the reason why not."""
        return await told(self.submit(command, by, asked))

    async def warm(self, *streams: str) -> None:
        """Have streams in memory, as after some use."""
        self.memory.learn((await self.store.fetch(streams)).entries)

    async def stop(self, running: "asyncio.Task[None]") -> None:
        self.appender.queue.closed = True
        self.appender.queue.wake.set()
        await asyncio.wait_for(running, 10)


def submission(
    command: Command,
    by: Actor = AS_ANNA,
    asked: Asked | None = None,
    session: tuple[str, int] | None = None,
) -> Submission:
    session_id, version = session or (None, FIRST_KEY if by.type == "service" else None)
    context = Context(
        actor=by, correlation_id="req_test", session_id=session_id, session_version=version
    )
    return Submission(
        command=command,
        context=context,
        asked=asked or Asked(),
        command_id=new_id(),
        answer_subject=by.id if by.type == "user" else None,
        shown_subject=shown_subject(command),
    )


async def told(outcome: Awaitable[Outcome]) -> Outcome | Reason:
    """Wait for an outcome; return the reason of a refusal."""
    try:
        return await asyncio.wait_for(outcome, 10)
    except Refused as refused:
        return refused.reason


async def turns(count: int) -> None:
    """Let everybody else go on for so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def all_told(outcomes: Iterable[Awaitable[Outcome]]) -> list[Outcome | Reason]:
    return [await told(outcome) for outcome in outcomes]


def keyed(key: str = "key-1", request: bytes = b"request", scope: str = "user:anna") -> Asked:
    """Ask under an idempotency key, to be answered with the stream's version."""
    return Asked(
        idempotency=Idempotency(scope, key, request),
        render=shown,
        render_refusal=lambda refused: Answer(refused.reason.fact.status, refused.reason.encode()),
    )


def shown(loaded: Loaded, _reveal: Reveal) -> Answer:
    return Answer(201, f"{loaded.stream_id} {loaded.version}".encode(), {"ETag": "1"})


@asynccontextmanager
async def opened(
    *history: Line, desks: int = 1, pauses: Callable[[int], Iterator[int]] | None = None
) -> AsyncIterator[list[Desk]]:
    """Let desks work on one database with a town in it; afterwards they have finished."""
    database = Database()
    database.happened(*TOWN, *history)
    open_desks = [Desk(database, pauses and pauses(number)) for number in range(desks)]
    running = [asyncio.create_task(desk.appender.run()) for desk in open_desks]
    try:
        yield open_desks
    finally:
        for desk, task in zip(open_desks, running, strict=True):
            await desk.stop(task)


def play(story: Callable[[], Awaitable[T]]) -> T:
    """Run one story on an event loop of its own."""

    async def run() -> T:
        return await asyncio.wait_for(story(), 60)

    return asyncio.run(run())
