"""Books in memory: everything a decision reads and records, and what the database would check."""

from typing import Any

import msgspec

from ledger.append.memory import unheard_of
from ledger.commands.asked import Asked, Loaded
from ledger.commands.command import Command, Context
from ledger.commands.payment import RehearsePayment
from ledger.decisions.callers import judge_caller
from ledger.decisions.routing import DECISIONS
from ledger.decisions.streams import STREAM_TYPES, type_of
from ledger.decisions.view import ABSENT, View, claim_key
from ledger.errors import Refused
from ledger.events.event import Event, Sealed
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import NOON, RULES, Line


class Fact(msgspec.Struct, frozen=True):
    """One line of the log."""

    stream: str
    version: int
    event: Event
    at: str
    command: int


FIRST_KEY = 1
"""What the key of a machine says that was never given another one."""


class MemoryOfTests:
    """Knows everything: what it does not have does not exist."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}

    def recall(self, key: str) -> Any:
        nothing = ABSENT if key.startswith("claim:") else None
        return self.entries.get(key, nothing or unheard_of(key))

    def find(self, key: str) -> Any:
        return self.recall(key)

    def reveal(self, sealed: Sealed | None) -> str | None:
        return None if sealed is None else sealed.enc.removeprefix("<").removesuffix(">")

    def digest(self, *parts: str | int) -> str:
        return "\x1f".join(map(str, parts))


class Books:
    """A log with one command at a time; `now` and `rules` may be changed between commands."""

    def __init__(self) -> None:
        self.memory = MemoryOfTests()
        self.log: list[Fact] = []
        self.commands = 0
        self.private: dict[tuple[str, str], dict[str, Any]] = {}
        self.now, self.rules = NOON, RULES

    def state(self, stream: str) -> Any:
        return self.memory.recall(stream).state

    def happened(self, *lines: Line) -> None:
        """Write facts down as they are."""
        view = self.view(Context(actor=SYSTEM, correlation_id="req_test"), Asked())
        for stream, event in lines:
            view.record(stream, event)
        self.accept(view)

    def view(self, context: Context, asked: Asked) -> View:
        return View(self.memory, self.rules, self.now, context, asked)

    def ask(
        self,
        command: Command,
        by: Actor = SYSTEM,
        asked: Asked | None = None,
        session: tuple[str, int] | None = None,
    ) -> View:
        """Decide and accept; a refusal that comes back after recording is raised after it."""
        session_id, version = session or (None, FIRST_KEY if by.type == "service" else None)
        context = Context(
            actor=by,
            correlation_id="req_test",
            session_id=session_id,
            session_version=version,
        )
        rehearsed = isinstance(command, RehearsePayment)
        asked = msgspec.structs.replace(asked or Asked(), rehearsed=rehearsed)
        view = self.view(context, asked)
        judge_caller(view)
        told = DECISIONS[type(command)](view, command)
        if not view.asked.rehearsed:
            self.accept(view)
        if isinstance(told, Refused):
            raise told
        return view

    def accept(self, view: View) -> None:
        """Write what a decision wished; refuse what unique keys of the database would."""
        self.commands += 1
        for stream, version, event in view.events:
            assert version == self.memory.recall(stream).version + 1, "versions have no gaps"
            self.log.append(Fact(stream, version, event, view.now, self.commands))
            self.memory.entries[stream] = folded(self.memory.recall(stream), event, view.now)
        for stream, loaded in view.changed.items():
            if loaded.version:
                assert loaded == self.memory.entries[stream], "the view saw what was recorded"
        for (namespace, key), change in view.claims.items():
            name = claim_key(namespace, key)
            existed = self.memory.entries.get(name, ABSENT) is not ABSENT
            assert change.existed is existed, "a claim is inserted, updated or deleted as it is"
            self.memory.entries[name] = ABSENT if change.after is None else change.after
        for row in view.rows:
            self.private.pop((row.table, row.key), None)
            if row.values is not None:
                self.private[row.table, row.key] = row.values


def folded(loaded: Loaded, event: Event, at: str) -> Loaded:
    stream = loaded.stream_id
    state = STREAM_TYPES[type_of(stream)].evolve(loaded.state, event, at)
    return Loaded(state, loaded.version + 1, loaded.inserted_at or at, at, stream)
