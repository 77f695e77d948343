"""Leftovers: copies that are under way, and what is remembered of them in case somebody dies."""

from hashlib import sha256

import msgspec
from psycopg import Connection

from projections import shadow
from projections.projector import Projector

LOCK = 703_211
"""Whoever makes a copy of a projection holds this advisory lock with its name."""


class Leftover(msgspec.Struct, frozen=True):
    """A copy as its maker left it: folded up to `position`, perhaps indexed and compared."""

    position: int
    indexed: bool
    compared: bool


def definition_of(projector: Projector) -> str:
    """Return what a copy is made for: tables, columns, and the events that fill them."""
    tables = [(table.name, table.columns) for table in projector.tables]
    told = msgspec.json.encode([tables, sorted(projector.reads)])
    return sha256(told).hexdigest()


def found(connection: Connection, projector: Projector) -> Leftover | None:
    """Return the copy that somebody has left, if this program can go on with it."""
    row = connection.execute(FOUND, (projector.name, definition_of(projector))).fetchone()
    return None if row is None else Leftover(*row)


def begin(connection: Connection, projector: Projector) -> None:
    """Make empty shadow tables and remember them; an earlier copy is dropped."""
    with connection.transaction():
        shadow.create(connection, projector.tables)
        connection.execute(BEGUN, (projector.name, definition_of(projector)))


def reached(connection: Connection, projection: str, position: int) -> None:
    """Remember how far a copy is, in the database transaction that writes its rows."""
    connection.execute(REACHED, (position, projection))


def mark(connection: Connection, projection: str, *, indexed: bool, compared: bool) -> None:
    """Remember what has been done to a copy."""
    connection.execute(MARKED, (indexed, compared, projection))


def forget(connection: Connection, projector: Projector, *, tables: bool = True) -> None:
    """Drop a copy, or only what is remembered of one that was put in place."""
    with connection.transaction():
        if tables:
            shadow.drop(connection, projector.tables)
        connection.execute(FORGOTTEN, (projector.name,))


def forget_abandoned(connection: Connection, projector: Projector) -> None:
    """Drop copies that nobody is working on, in the caller's database transaction."""
    name, checked = projector.name, f"read.{projector.tables[0].name}{shadow.CHECK}"
    row = connection.execute(ABANDONED, (LOCK, name, name, checked)).fetchone()
    if row is not None and row[0]:
        shadow.drop(connection, projector.tables, shadow.CHECK)
        forget(connection, projector)


FOUND = """
SELECT position, indexed, compared FROM read.rebuilds WHERE projection = %s AND definition = %s
"""
BEGUN = """
INSERT INTO read.rebuilds (projection, definition) VALUES (%s, %s)
ON CONFLICT (projection) DO UPDATE
SET definition = excluded.definition, position = 0, indexed = false, compared = false,
    began_at = now(), updated_at = now()
"""
REACHED = "UPDATE read.rebuilds SET position = %s, updated_at = now() WHERE projection = %s"
MARKED = """
UPDATE read.rebuilds SET indexed = %s, compared = %s, updated_at = now() WHERE projection = %s
"""
FORGOTTEN = "DELETE FROM read.rebuilds WHERE projection = %s"
ABANDONED = """
SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))
WHERE EXISTS (SELECT FROM read.rebuilds WHERE projection = %s) OR to_regclass(%s) IS NOT NULL
"""
