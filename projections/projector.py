"""Projector: a read model as a pure fold of events over rows that are found by key."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection, errors

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

    @property
    def names(self) -> frozenset[str]:
        """Return the stored names of the events it cares for."""
        return frozenset(kind.stored_as for kind in self.on)


def prepare(
    connection: Connection, projector: Projector, fold: Fold, batch: Sequence[Logged[Event]],
    suffix: str = "",
) -> None:  # fmt: skip
    """Read what folding `batch` will look at."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    streams: set[str] = set()
    for logged in batch:
        on = projector.on.get(type(logged.event))
        if on is not None:
            for table, key in on.keys(logged):
                keys[table.name].add(key)
            streams.update(on.streams(logged))
    fold.known.learn(connection, batch, streams)
    fold.rows.read(connection, keys, suffix)


def apply(projector: Projector, fold: Fold, batch: Iterable[Logged[Event]]) -> None:
    """Fold `batch` into the rows; raises `Poisoned`."""
    on = projector.on
    for logged in batch:
        rule = on.get(type(logged.event))
        if rule is None:
            continue
        try:
            rule.apply(fold, logged)
        except POISON as error:
            raise Poisoned(logged.position, error) from error
