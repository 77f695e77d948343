"""A changed setting is told once to the audit log, by name only."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from ops.composition import open_books
from ops.configuration import tell_changes
from ops.settings import read_settings
from tests.ops.cli.conftest import CHEAP, KEYS


def started(database: str, folder: Path, processes: int = 1, **changed: str) -> None:
    """Start so many processes of a deployment."""
    environment = {**KEYS, **CHEAP, "DATABASE_URL": database, "DATA_DIR": str(folder), **changed}
    settings = read_settings(environment)

    async def start() -> None:
        async with open_books(settings, database) as books:
            await tell_changes(settings, books.ledger, books.pool)

    async def all_of_them() -> None:
        await asyncio.gather(*(start() for _ in range(processes)))

    asyncio.run(all_of_them())


def told(database: str) -> list[dict[str, Any]]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT data FROM log.events ORDER BY position").fetchall()
    return [msgspec.json.decode(bytes(data)) for (data,) in rows]


def test_a_change_is_told_once_and_never_its_value(database: str, tmp_path: Path) -> None:
    started(database, tmp_path)
    started(database, tmp_path, PORT="4711", POOL_SIZE="3")
    assert told(database) == []
    secret = "another secret of tokens that nobody may see"
    changes = {"JWT_SECRET": secret, "CHECKING_DAILY_LIMIT": "77.00", "ENABLE_SECURITY_AUDIT": "0"}
    for _ in range(2):
        started(database, tmp_path, 2, **changes)
    [envelope] = told(database)
    assert envelope["type"] == "ConfigurationChanged"
    assert envelope["data"]["details"] == {"settings": sorted(changes)}
    assert secret not in str(envelope)
    assert "77" not in str(envelope["data"])
    started(database, tmp_path)
    assert len(told(database)) == 2
