"""Every place where a deployment keeps or tells something, as text to be searched."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from tests.journeys.system import System

DATABASES = (0, 1)


def tables(dsn: str) -> Iterator[tuple[str, str]]:
    """Yield every table of ours with all its rows; bytes are shown as far as they are text."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET bytea_output = 'escape'")
        names = connection.execute(TABLES).fetchall()
        for schema, table in names:
            query = sql.SQL(ROWS).format(sql.Identifier(schema, table))
            rows = connection.execute(query).fetchall()
            yield f"{schema}.{table}", "\n".join(row for (row,) in rows)


def broker(url: str) -> str:
    """Return all keys and values of a broker."""
    found: list[str] = []
    for database in DATABASES:
        with redis.Redis.from_url(url.replace("db=0", f"db={database}")) as store:
            for key in store.scan_iter():
                found += [repr(key), repr(store.dump(key))]
    return "\n".join(found)


def keys_of(system: System) -> list[str]:
    """Return the generated keys of a deployment."""
    kept = Path(system.environment["DATA_DIR"]) / "keys.json"
    return [key for key in json.loads(kept.read_text()).values() if isinstance(key, str)]


TABLES = """
SELECT schemaname, tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""
ROWS = "SELECT t::text FROM {} AS t"
