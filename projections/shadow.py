"""Shadow tables: a second copy of a read model, made beside the live one and put in its place."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection, sql

from projections.rows import Table

NEW, OLD, CHECK = "__new", "__old", "__check"


def create(connection: Connection, tables: Iterable[Table[Any]], suffix: str = NEW) -> None:
    """Make empty copies without any index but the key; leftovers of an earlier try are dropped."""
    for table in tables:
        names = identifiers(table, suffix)
        connection.execute(sql.SQL(CREATE).format(**names))
        for (option,) in connection.execute(OPTIONS, (table.name,)).fetchall():
            name, _, value = option.partition("=")
            setting = sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(int(value)))
            connection.execute(sql.SQL(SET_OPTION).format(**names, setting=setting))


def build_indexes(connection: Connection, tables: Iterable[Table[Any]]) -> None:
    """Give the copies the other indexes of the live tables, and statistics."""
    for table in tables:
        for name, definition in indexes(connection, table):
            if not name.endswith("_pkey"):
                connection.execute(renamed(definition, table, name).encode())
        connection.execute(sql.SQL("ANALYZE {copy}").format(**identifiers(table, NEW)))


def swap(connection: Connection, tables: Iterable[Table[Any]]) -> None:
    """Put the copies in place of the live tables, which are kept; in the caller's transaction."""
    for table in tables:
        connection.execute(sql.SQL(DROP).format(**identifiers(table, OLD)))
        rename(connection, table, "", OLD)
        rename(connection, table, NEW, "")


def put_back(connection: Connection, tables: Iterable[Table[Any]]) -> None:
    """Exchange the live tables for those that were kept; in the caller's transaction."""
    for table in tables:
        rename(connection, table, "", NEW)
        rename(connection, table, OLD, "")
        rename(connection, table, NEW, OLD)


def drop(connection: Connection, tables: Iterable[Table[Any]], suffix: str = NEW) -> None:
    """Drop copies that were not put in place."""
    for table in tables:
        connection.execute(sql.SQL(DROP).format(**identifiers(table, suffix)))


def drop_kept(connection: Connection, tables: Iterable[Table[Any]]) -> None:
    """Drop the tables that a rebuild put aside; in the caller's transaction."""
    for table in tables:
        connection.execute(sql.SQL(DROP).format(**identifiers(table, OLD)))


def rename(connection: Connection, table: Table[Any], old: str, new: str) -> None:
    """Rename a table and its indexes from one suffix to another."""
    owned = connection.execute(INDEXES, (table.name + old,)).fetchall()
    connection.execute(
        sql.SQL("ALTER TABLE {} RENAME TO {}").format(
            sql.Identifier("read", table.name + old), sql.Identifier(table.name + new)
        )
    )
    for name, _ in owned:
        connection.execute(
            sql.SQL("ALTER INDEX {} RENAME TO {}").format(
                sql.Identifier("read", name), sql.Identifier(name.removesuffix(old) + new)
            )
        )


def indexes(connection: Connection, table: Table[Any]) -> list[tuple[str, str]]:
    """Return names and definitions of the indexes of a live table."""
    return connection.execute(INDEXES, (table.name,)).fetchall()


def renamed(definition: str, table: Table[Any], name: str) -> str:
    """Return the definition of an index for the copy of its table."""
    live = f"INDEX {name} ON read.{table.name} "
    assert live in definition, definition
    return definition.replace(live, f"INDEX {name}{NEW} ON read.{table.name}{NEW} ", 1)


def identifiers(table: Table[Any], suffix: str) -> dict[str, sql.Identifier]:
    """Return the names the statements below speak of."""
    return {
        "live": sql.Identifier("read", table.name),
        "copy": sql.Identifier("read", table.name + suffix),
        "key_name": sql.Identifier(f"{table.name}_pkey{suffix}"),
        "key": sql.Identifier(table.key),
    }


CREATE = """
DROP TABLE IF EXISTS {copy};
CREATE TABLE {copy} (
    LIKE {live} INCLUDING ALL EXCLUDING INDEXES, CONSTRAINT {key_name} PRIMARY KEY ({key})
);
"""
SET_OPTION = "ALTER TABLE {copy} SET ({setting})"
DROP = "DROP TABLE IF EXISTS {copy}"
OPTIONS = """
SELECT unnest(reloptions) FROM pg_class
WHERE relnamespace = 'read'::regnamespace AND relname = %s
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'read' AND tablename = %s
"""
