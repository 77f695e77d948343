"""Projector: a read model as a pure fold of events over rows that are found by key."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from psycopg import errors

from ledger.events.event import Event
from projections.known import Known
from projections.log import Logged
from projections.rows import Rows, Table

Key: TypeAlias = tuple[Table[Any], str]
Keys: TypeAlias = Callable[[Logged[Any]], Iterable[Key]]
Streams: TypeAlias = Callable[[Logged[Any]], Iterable[str]]

POISON = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
    errors.DataError,
    errors.IntegrityError,
    errors.ProgrammingError,
)
"""What an event that cannot be applied raises; anything else is the machine's fault."""


class Poisoned(Exception):
    """The event at `position` cannot be applied: the projection stops before it."""

    def __init__(self, position: int, cause: Exception) -> None:
        super().__init__(f"position {position}: {type(cause).__name__}: {cause}")
        self.position = position


class Fold(msgspec.Struct, frozen=True):
    """What `apply` may use: the rows, and what never changes."""

    rows: Rows
    known: Known


def nothing(_: Logged[Any]) -> Iterable[Any]:
    """Name nothing."""
    return ()


class On(msgspec.Struct, frozen=True):
    """How one type of event changes the rows.

    `keys` names existing rows that `apply` reads; `streams` those whose first event it looks up.
    """

    apply: Callable[[Fold, Logged[Any]], None]
    keys: Keys = nothing
    streams: Streams = nothing


class Projector(msgspec.Struct, frozen=True, eq=False):
    """One projection: its tables, and what each type of event does to them.

    The checkpoint advances over all events, so a reader can wait for any position.
    """

    name: str
    tables: tuple[Table[Any], ...]
    on: Mapping[type[Event], On]
    looks_up: tuple[type[Event], ...] = ()
    """First events of streams that `on` looks up: cheaper to meet in passing than to read again."""

    @property
    def reads(self) -> frozenset[str]:
        """Return the stored names of the events it wants to see."""
        return frozenset(kind.stored_as for kind in (*self.on, *self.looks_up))


class Needs(msgspec.Struct, frozen=True):
    """What folding a batch will look at: rows by table, and streams by their beginning."""

    keys: Mapping[str, set[str]]
    streams: set[str]


Task: TypeAlias = tuple[On, Logged[Any]]


def relevant(projector: Projector, batch: Iterable[Logged[Event]]) -> list[Task]:
    """Return the events of `batch` that change anything, each with what it does."""
    on = projector.on
    return [(on[kind], logged) for logged in batch if (kind := type(logged.event)) in on]


def needs(tasks: Iterable[Task]) -> Needs:
    """Return what `apply` will look at."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    streams: set[str] = set()
    for rule, logged in tasks:
        if rule.keys is not nothing:
            for table, key in rule.keys(logged):
                keys[table.name].add(key)
        if rule.streams is not nothing:
            streams.update(rule.streams(logged))
    return Needs(keys, streams)


def apply(tasks: Iterable[Task], fold: Fold) -> None:
    """Fold events into the rows; raises `Poisoned`."""
    for rule, logged in tasks:
        try:
            rule.apply(fold, logged)
        except POISON as error:
            raise Poisoned(logged.position, error) from error
