"""Every published route under requests made from its own description (AC-9, AC-99)."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.demo import ADMIN
from ops.embedded.postgres import Place
from ops.fuzzing.__main__ import streams
from tests.access.house import House, join, opened
from tests.access.town import RELAYED
from tests.api.queries.conftest import copied

SECONDS = 280


@pytest.fixture(scope="module")
def house(postgres_server: Place, migrated: str, valkey: str, server_dir: Path) -> Iterator[House]:
    """Give a bank that may come to any harm, with the administrator of the demo data."""
    with (
        copied(postgres_server, migrated) as database,
        opened(database, server_dir / "fuzzed", valkey) as running,
    ):
        asyncio.run(join(running.settings, database, ADMIN.email, "admin", ADMIN.password))
        running.rows(RELAYED)
        yield running


def fuzzed(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the campaign as `ops/fuzz` does, against this bank."""
    url = str(house.clients[0].base_url).rstrip("/")
    command = [sys.executable, "-m", "ops.fuzzing", "--url", url, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.timeout(SECONDS + 20)
def test_no_answer_is_outside_the_document(house: House) -> None:
    document = house.clients[0].get("/api/docs/openapi.json").json()
    routes = sum(len(methods) for methods in document["paths"].values())
    told = fuzzed(house, "--quick")
    assert told.returncode == 0, told.stdout + told.stderr
    untouched = ["/api/docs/openapi.json", *streams(document)]
    assert f"Tested: {routes - len(untouched)}" in told.stdout, told.stdout
