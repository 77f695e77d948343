"""Migrations: numbered folders of SQL, applied in order, once, and never edited afterwards."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from psycopg import Connection, errors

from schema.postgres import connect

LOCK = 7_032_113_946
"""The advisory lock that lets one migrator in at a time."""
ATTEMPTS = 5
TRANSIENT = (
    errors.LockNotAvailable,
    errors.DuplicateObject,
    errors.UniqueViolation,
    errors.InternalError_,
)
"""Roles belong to the whole server: another database may be making them at the same moment."""


class MigrationRefused(Exception):
    """The database and this program disagree about history; an operator has to look."""


class Migration(msgspec.Struct, frozen=True):
    """One step: `before` and `after` are SQL that raises where an assumption does not hold."""

    name: str
    up: str
    before: str
    after: str

    @property
    def checksum(self) -> str:
        """Return what the database remembers of `up`."""
        return sha256(self.up.encode()).hexdigest()


def migrate(dsn: str, *, asserted: bool = False) -> list[str]:
    """Bring the database up to date; return the names of what was applied.

    `asserted` also runs the assertions of each step inside its database transaction.
    Raises `MigrationRefused` for an edited step or a database newer than this program.
    """
    with connect(dsn, statement_timeout_ms=0) as connection:
        connection.execute(ACQUIRE, (LOCK,))
        connection.execute(BOOTSTRAP)
        return [apply(connection, step, asserted=asserted) for step in outstanding(connection)]


def pending(dsn: str) -> list[str]:
    """Return the names of steps the database still lacks; raises as `migrate` does."""
    with connect(dsn) as connection:
        return [migration.name for migration in outstanding(connection)]


def known() -> tuple[Migration, ...]:
    """Return every step of this program, in order."""
    folder = files("schema").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name[:4].isdigit())
    return tuple(read_migration(name, folder.joinpath(name)) for name in names)


def read_migration(name: str, folder: Traversable) -> Migration:
    """Read one folder; its assertions are optional."""

    def text(file: str, *, optional: bool = True) -> str:
        path = folder.joinpath(file)
        return path.read_text(encoding="utf-8") if path.is_file() or not optional else ""

    return Migration(name, text("up.sql", optional=False), text("before.sql"), text("after.sql"))


def outstanding(connection: Connection) -> tuple[Migration, ...]:
    """Return the steps still to apply, after comparing history with the database."""
    exists = connection.execute(EXISTS).fetchone()
    applied = connection.execute(APPLIED).fetchall() if exists and exists[0] else []
    return unapplied(known(), applied)


def unapplied(
    migrations: Sequence[Migration], applied: Sequence[tuple[str, str]]
) -> tuple[Migration, ...]:
    """Return what follows `applied` (names and checksums), the beginning of `migrations`."""
    for index, (name, checksum) in enumerate(applied):
        if index >= len(migrations):
            raise MigrationRefused(f"the database is newer than this program: it has {name}")
        ours = migrations[index]
        if ours.name != name:
            raise MigrationRefused(f"the database has {name} where this program has {ours.name}")
        if ours.checksum != checksum:
            raise MigrationRefused(f"{name} was edited after it was applied")
    return tuple(migrations[len(applied) :])


def apply(connection: Connection, migration: Migration, *, asserted: bool) -> str:
    """Run one step and remember it, in one database transaction; return its name."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            run(connection, migration, asserted=asserted)
        except TRANSIENT:
            if attempt == ATTEMPTS:
                raise
        else:
            break
    return migration.name


def run(connection: Connection, migration: Migration, *, asserted: bool) -> None:
    """Run `before`, `up` and `after` of one step in one database transaction."""
    with connection.transaction():
        connection.execute(PATIENCE)
        if asserted and migration.before:
            connection.execute(migration.before.encode())
        connection.execute(migration.up.encode())
        if asserted and migration.after:
            connection.execute(migration.after.encode())
        connection.execute("RESET ROLE")
        connection.execute(REMEMBER, (migration.name, migration.checksum))


ACQUIRE = "SELECT pg_advisory_lock(%s)"
PATIENCE = "SET LOCAL lock_timeout = '2s'"
BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    name text COLLATE "C" PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
EXISTS = "SELECT to_regclass('migrations.applied') IS NOT NULL"
APPLIED = "SELECT name, checksum FROM migrations.applied ORDER BY name"
REMEMBER = "INSERT INTO migrations.applied (name, checksum) VALUES (%s, %s)"
