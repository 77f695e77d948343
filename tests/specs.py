"""given(history).when(command).then(events): one sentence per rule."""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, Generic, TypeVar

import pytest

from ledger.commands.asked import Asked
from ledger.commands.command import Command
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.event import Event
from ledger.events.recorded import SYSTEM, Actor
from ledger.policies.limits import Rules
from tests.builders import NOON, Line
from tests.ledger.books import Books

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")


class Decider(Generic[S, C, E]):
    """The decision and the fold of one aggregate, ready to be given a history."""

    def __init__(
        self, decide: Callable[[S, C], list[E]], evolve: Callable[[S, E, str], S], initial: S
    ) -> None:
        self.decide, self.evolve, self.initial = decide, evolve, initial

    def given(self, *history: E) -> "Given[S, C, E]":
        state = reduce(lambda state, event: self.evolve(state, event, NOON), history, self.initial)
        return Given(self, state)


class Given(Generic[S, C, E]):
    def __init__(self, decider: Decider[S, C, E], state: S) -> None:
        self.decider, self.state = decider, state

    def when(self, command: C) -> "When[S, C, E]":
        return When(self, command)


class When(Generic[S, C, E]):
    def __init__(self, given: Given[S, C, E], command: C) -> None:
        self.given, self.command = given, command

    def then(self, *expected: E) -> None:
        assert list(expected) == self.decided()

    def then_refused(self, reason: Reason) -> None:
        with pytest.raises(Refused) as refusal:
            self.decided()
        assert reason is refusal.value.reason

    def decided(self) -> list[E]:
        return self.given.decider.decide(self.given.state, self.command)


class Story:
    """What happened before, over all streams, and the rules and the time of now."""

    def __init__(self) -> None:
        self.books = Books()

    def at(self, now: str) -> "Story":
        self.books.now = now
        return self

    def under(self, rules: Rules) -> "Story":
        self.books.rules = rules
        return self

    def done(self, *commands: Command, by: Actor = SYSTEM) -> "Story":
        """Go on by commands that were accepted."""
        for command in commands:
            self.books.ask(command, by)
        return self

    def happened(self, *lines: Line) -> "Story":
        """Go on by facts."""
        self.books.happened(*lines)
        return self

    def when(
        self,
        command: Command,
        by: Actor = SYSTEM,
        if_match: tuple[int, ...] | None = None,
        session: tuple[str, int] | None = None,
    ) -> "Told":
        """Ask; keep what came of it."""
        before, view, refused = len(self.books.log), None, None
        try:
            view = self.books.ask(command, by, Asked(if_match=if_match), session)
        except Refused as told:
            refused = told
        lines = [(fact.stream, fact.event) for fact in self.books.log[before:]]
        return Told(self.books, lines, view, refused)


class Told:
    """What came of a command: the lines it added to the log, or a refusal, or both."""

    def __init__(
        self, books: Books, lines: list[Line], view: View | None, refused: Refused | None
    ) -> None:
        self.books, self.lines, self.refused = books, lines, refused
        self.view = view

    def then(self, *expected: Line) -> "Told":
        assert self.refused is None, self.refused
        assert list(expected) == self.lines
        return self

    def then_recorded(self, *kinds: type[Event]) -> "Told":
        """Say which facts it led to, without their fields."""
        assert self.refused is None, self.refused
        assert list(kinds) == [type(event) for _, event in self.lines]
        return self

    def told_last(self, kind: type[Event]) -> None:
        """Say what it came to in the end."""
        assert self.refused is None, self.refused
        assert isinstance(self.lines[-1][1], kind)

    def then_nothing(self) -> "Told":
        return self.then()

    def then_refused(self, reason: Reason, **details: Any) -> None:
        """Say that it was refused and left no trace; `details` are among those told."""
        self.told(reason, **details)
        assert self.lines == []

    def then_recorded_and_refused(self, reason: Reason, *expected: Line) -> None:
        self.told(reason)
        assert list(expected) == self.lines

    def told(self, reason: Reason, **details: Any) -> None:
        assert self.refused is not None, self.lines
        assert reason is self.refused.reason
        assert details.items() <= self.refused.details.items()


def given(*history: Line | Iterable[Line]) -> Story:
    """Begin with facts; lists of them are told one after another."""
    story = Story()
    for each in history:
        lines = [each] if isinstance(each, tuple) else list(each)
        story.books.happened(*lines)
    return story
