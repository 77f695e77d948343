"""Drift: rows of a live read model that are not what the log says, and since when (P-2)."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from psycopg import Connection, sql

from projections.compare import differences
from projections.copying import Comparison, Copy
from projections.projector import Fold, Projector, Task, apply
from projections.rows import Table
from projections.shadow import NEW

SHOWN_MAX = 20
PARTS = 1 << 20
Tree: TypeAlias = dict[str, Any]


class Drift(msgspec.Struct, frozen=True):
    """One row in two forms, None where there is none; `position` is where they part."""

    table: str
    key: str
    live: Tree | None
    replayed: Tree | None
    position: int | None = None

    @property
    def fields(self) -> list[str]:
        """Return the fields that differ."""
        live, replayed = self.live or {}, self.replayed or {}
        names = sorted(live.keys() | replayed.keys())
        return [name for name in names if live.get(name) != replayed.get(name)]


class Looked(msgspec.Struct):
    """What a comparison has found: the names of all rows that differ, and some of them in full."""

    projector: Projector
    share: float = 1
    suffix: str = NEW
    names: list[str] = []
    drifts: list[Drift] = []

    def compare(self, live: Connection, copy: Connection) -> list[str]:
        """Compare all rows, or a share of them chosen by their keys."""
        for table in self.projector.tables:
            if self.share < 1:
                self.names += sampled_differences(live, copy, table, self)
            else:
                self.names += differences(live, copy, table, self.suffix)
        for name in self.names[:SHOWN_MAX]:
            told, _, key = name.partition(" ")
            table = next(each for each in self.projector.tables if each.name == told)
            ours, theirs = row_of(live, table, "", key), row_of(copy, table, self.suffix, key)
            self.drifts.append(Drift(told, key, ours, theirs))
        return self.names


def compared(projector: Projector, share: float, suffix: str = NEW) -> tuple[Looked, Comparison]:
    """Return a comparison and where it notes what it finds."""
    looked = Looked(projector, share, suffix)
    return looked, looked.compare


def traced(copy: Copy, drifts: list[Drift]) -> list[Drift]:
    """Return where each row parted from the log, by folding it once more, event by event."""
    end = copy.position
    copy.start()
    copy.watch = watch = Parting(copy.projector, drifts)
    copy.fold_to(end)
    copy.watch = None
    return [
        msgspec.structs.replace(each, position=watch.parted.get((each.table, each.key)))
        for each in drifts
    ]


class Parting:
    """Folds event by event, and notes after which one a row no longer is what is live.

    A row that never was is parted from the first event on that touched it.
    """

    def __init__(self, projector: Projector, drifts: list[Drift]) -> None:
        self.tables = {table.name: table for table in projector.tables}
        self.live = {(each.table, each.key): each.live for each in drifts}
        self.seen: dict[tuple[str, str], Any] = dict.fromkeys(self.live)
        self.parted: dict[tuple[str, str], int] = {}

    def apply(self, tasks: list[Task], fold: Fold) -> None:
        """Fold tasks one by one."""
        for task in tasks:
            apply([task], fold)
            for place in self.live:
                self.look(place, fold, task[1].position)

    def look(self, place: tuple[str, str], fold: Fold, position: int) -> None:
        """Note whether a row has become, or ceased to be, what is live."""
        name, key = place
        shelf = fold.rows.of(self.tables[name])
        if key not in shelf.rows or shelf.rows[key] is self.seen[place]:
            return
        row = self.seen[place] = shelf.rows[key]
        if plain(row) == self.live[place]:
            self.parted.pop(place, None)
        else:
            self.parted.setdefault(place, position)


def plain(row: msgspec.Struct | None) -> Tree | None:
    """Return a row as what its columns hold."""
    return None if row is None else dict(msgspec.json.decode(msgspec.json.encode(row)))


def row_of(connection: Connection, table: Table[Any], suffix: str, key: str) -> Tree | None:
    """Return a row of a table as what its columns hold, None when it is not there."""
    query = sql.SQL(ROW).format(
        table=sql.Identifier("read", table.name + suffix), key=sql.Identifier(table.key)
    )
    found = connection.execute(query, (key,)).fetchone()
    if found is None:
        return None
    row: Any = msgspec.json.decode(found[0], type=table.row)
    return plain(row)


def sampled_differences(
    live: Connection, copy: Connection, table: Table[Any], looked: Looked
) -> list[str]:
    """Return `table key` of the rows that differ among a share of all keys."""
    ours, theirs = (
        fingerprints(connection, table, suffix, looked.share)
        for connection, suffix in ((live, ""), (copy, looked.suffix))
    )
    keys = ours.keys() | theirs.keys()
    return sorted(f"{table.name} {key}" for key in keys if ours.get(key) != theirs.get(key))


def fingerprints(
    connection: Connection, table: Table[Any], suffix: str, share: float
) -> Mapping[str, int]:
    """Return the hash of each row among a share of all keys."""
    query = sql.SQL(SAMPLED).format(
        table=sql.Identifier("read", table.name + suffix), key=sql.Identifier(table.key)
    )
    return dict(connection.execute(query, (PARTS - 1, int(share * PARTS))).fetchall())


ROW = "SELECT to_json(t)::text FROM {table} AS t WHERE {key}::text = %s"
SAMPLED = """
SELECT t.{key}::text, hashtextextended(t::text, 0) FROM {table} AS t
WHERE hashtextextended(t.{key}::text, 7) & %s < %s
"""
