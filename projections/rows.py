"""Rows in memory: what a fold has read and changed, until it is written back in bulk."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from psycopg import Connection, sql
from psycopg.adapt import Dumper
from typing_extensions import override

from schema.seals import ERASED

R = TypeVar("R", bound=msgspec.Struct)

COPY_ROWS = 100
"""From so many new rows on, COPY costs less than it needs to get going."""


class Table(msgspec.Struct, Generic[R], frozen=True, eq=False):
    """A table of a read model: rows of type `row`, found by their first field.

    `kept`: rows change again and again, so they stay in memory after they were written.
    The columns `names` tell who the person in the column `owner` is. A `texted` table has texts
    that somebody wrote, and beside each of them says under whose key.
    """

    name: str
    row: type[R]
    key_type: str = "uuid"
    kept: bool = True
    owner: str = "user_id"
    names: tuple[str, ...] = ()
    texted: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that projectors write, in the order of the row's fields."""
        return self.row.__struct_fields__

    @property
    def key(self) -> str:
        """Return the column rows are found by."""
        return self.columns[0]


class Shelf(Generic[R]):
    """The rows of one table in memory. `complete`: whatever is not here does not exist."""

    __slots__ = ("changed", "complete", "dropped", "erased", "fresh", "key", "rows", "table")

    def __init__(self, table: Table[R], *, complete: bool) -> None:
        self.table = table
        self.key = table.key
        self.complete = complete
        self.rows: dict[str, R | None] = {}
        self.fresh: set[str] = set()
        self.changed: set[str] = set()
        self.dropped: set[str] = set()
        self.erased: set[tuple[str, str]] = set()

    def find(self, key: str) -> R | None:
        """Return the row, or None when there is none."""
        return self.rows.get(key)

    def get(self, key: str) -> R:
        """Return the row that must be there; raises `LookupError`."""
        row = self.rows.get(key)
        if row is None:
            raise LookupError(f"{self.table.name} has no row {key}")
        return row

    def put(self, row: R) -> None:
        """Add or replace a row."""
        key = getattr(row, self.key)
        if key in self.dropped:
            self.dropped.discard(key)
            self.changed.add(key)
        elif self.rows.get(key) is None:
            self.fresh.add(key)
        elif key not in self.fresh:
            self.changed.add(key)
        self.rows[key] = row

    def drop(self, key: str) -> None:
        """Remove a row."""
        self.rows[key] = None
        if key in self.fresh:
            self.fresh.discard(key)
        else:
            self.changed.discard(key)
            self.dropped.add(key)

    def erase(self, person: str, kid: str) -> None:
        """Let nothing that was written tell a person, nor what was sealed under their key."""
        self.erased.add((person, kid))

    def unread(self, keys: Iterable[str]) -> list[str]:
        """Return those of `keys` that have to be read before they can be folded over."""
        return [] if self.complete else [key for key in keys if key not in self.rows]

    def take_in(self, keys: Iterable[str], content: bytes) -> None:
        """Remember what was found (a JSON array of rows) when `keys` were asked for."""
        self.rows.update(dict.fromkeys(keys))
        row_type: Any = self.table.row
        for row in msgspec.json.decode(content, type=list[row_type]):
            self.rows[getattr(row, self.key)] = row

    def wrote(self, rows_max: int) -> None:
        """Forget what was changed, and rows that are not worth their memory."""
        self.fresh.clear()
        self.changed.clear()
        self.dropped.clear()
        if not self.table.kept or len(self.rows) > rows_max or self.erased:
            self.rows.clear()
            self.complete = False
        self.erased.clear()


class Rows:
    """All shelves of one projector."""

    def __init__(self, tables: Iterable[Table[Any]], *, complete: bool = False) -> None:
        self.shelves = {table.name: Shelf(table, complete=complete) for table in tables}

    def of(self, table: Table[R]) -> Shelf[R]:
        """Return the rows of one table."""
        return self.shelves[table.name]

    def read(self, connection: Connection, keys: Mapping[str, set[str]], suffix: str = "") -> None:
        """Read the rows of `keys` (by table) that are not in memory yet."""
        asked = []
        for name, wanted in keys.items():
            shelf = self.shelves[name]
            unread = shelf.unread(wanted)
            if unread:
                query = statements(shelf.table, suffix).select
                asked.append((shelf, unread, connection.execute(query, (unread,))))
        for shelf, unread, answer in asked:
            found = answer.fetchone()
            assert found is not None, "an aggregate has one row"
            shelf.take_in(unread, found[0])

    @property
    def pending(self) -> int:
        """Return how many rows `write` would write."""
        return sum(len(shelf.fresh) + len(shelf.changed) for shelf in self.shelves.values())

    @property
    def erasing(self) -> bool:
        """Say whether `write` erases somebody."""
        return any(shelf.erased for shelf in self.shelves.values())

    @property
    def bulky(self) -> bool:
        """Say whether there is so much new that `write` streams it in (not within a pipeline)."""
        return any(len(shelf.fresh) >= COPY_ROWS for shelf in self.shelves.values())

    def write(self, connection: Connection, suffix: str = "") -> None:
        """Write every changed row with one statement per table and kind of change."""
        for shelf in self.shelves.values():
            known = statements(shelf.table, suffix)
            if len(shelf.fresh) >= COPY_ROWS:
                copy(connection, shelf, known.copy)
            touched = shelf.fresh | shelf.changed
            if touched:
                rows = [shelf.rows[key] for key in sorted(touched)]
                content = msgspec.json.encode(rows).decode()
                connection.execute(known.upsert, (content,))
            if shelf.dropped:
                connection.execute(known.delete, (sorted(shelf.dropped),))
            if shelf.erased:
                erase(connection, shelf, known)

    def wrote(self, rows_max: int) -> None:
        """Start the next batch with clean rows."""
        for shelf in self.shelves.values():
            shelf.wrote(rows_max)


def erase(connection: Connection, shelf: Shelf[Any], known: "Statements") -> None:
    """Erase people from rows that are written."""
    people = sorted(person for person, _ in shelf.erased)
    kids = sorted(kid for _, kid in shelf.erased)
    if shelf.table.names:
        connection.execute(known.erase_names, (people,))
    if shelf.table.texted:
        connection.execute(known.erase_references, (kids,))
        connection.execute(known.erase_texts, (kids,))


def copy(connection: Connection, shelf: Shelf[Any], query: bytes) -> None:
    """Stream in the rows that were not there before; one that was is an error."""
    with connection.cursor() as cursor:
        cursor.adapters.register_dumper(msgspec.Raw, RawDumper)
        with cursor.copy(query) as stream:
            for key in sorted(shelf.fresh):
                stream.write_row(msgspec.structs.astuple(shelf.get(key)))
    shelf.fresh.clear()


class Statements(msgspec.Struct, frozen=True):
    """How the rows of one table are read and written."""

    select: bytes
    upsert: bytes
    delete: bytes
    copy: bytes
    erase_names: bytes
    erase_texts: bytes
    erase_references: bytes


@cache
def statements(table: Table[Any], suffix: str) -> Statements:
    """Return the statements for `table`, or for its copy with `suffix`."""
    names = {
        "table": sql.Identifier("read", table.name + suffix),
        "key": sql.Identifier(table.key),
        "key_type": sql.Identifier(table.key_type),
        "columns": sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        "values": sql.SQL(", ").join(sql.Identifier("excluded", name) for name in table.columns),
        "owner": sql.Identifier(table.owner),
        "nulls": sql.SQL(", ").join(
            sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in table.names
        ),
        "erased": sql.Literal(ERASED),
    }
    return Statements(
        select=sql.SQL(SELECT).format(**names).as_bytes(),
        upsert=sql.SQL(UPSERT).format(**names).as_bytes(),
        delete=sql.SQL(DELETE).format(**names).as_bytes(),
        copy=sql.SQL(COPY).format(**names).as_bytes(),
        erase_names=sql.SQL(ERASE_NAMES).format(**names).as_bytes(),
        erase_texts=sql.SQL(ERASE_TEXTS).format(**names).as_bytes(),
        erase_references=sql.SQL(ERASE_REFERENCES).format(**names).as_bytes(),
    )


class RawDumper(Dumper):
    """Hands JSON that is kept as bytes to `json` columns."""

    @override
    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


SELECT = """
SELECT coalesce(json_agg(found), '[]') FROM {table} AS found WHERE {key} = ANY(%b::{key_type}[])
"""
UPSERT = """
INSERT INTO {table} ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW({values})
"""
DELETE = "DELETE FROM {table} WHERE {key} = ANY(%b::{key_type}[])"
COPY = "COPY {table} ({columns}) FROM STDIN"
ERASE_NAMES = "UPDATE {table} SET {nulls} WHERE {owner} = ANY(%b::uuid[])"
ERASE_TEXTS = """
UPDATE {table} SET description = {erased}, description_key = NULL,
    reference = CASE WHEN reference_key = description_key THEN {erased} ELSE reference END,
    reference_key = nullif(reference_key, description_key)
WHERE description_key = ANY(%b::uuid[])
"""
ERASE_REFERENCES = """
UPDATE {table} SET reference = {erased}, reference_key = NULL
WHERE reference_key = ANY(%b::uuid[]) AND reference_key IS DISTINCT FROM description_key
"""
"""A second text by another hand than the first; the index of few rows knows just those."""
