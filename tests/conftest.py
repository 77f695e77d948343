"""Real servers for tests: a PostgreSQL and a Valkey per pytest process, a database per test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import psutil
import psycopg
import pytest
import structlog
from psycopg import sql
from typing_extensions import override
from xdist.scheduler.loadfile import LoadFileScheduling

from ops.embedded.postgres import Place as PostgresPlace
from ops.embedded.postgres import create_database
from ops.embedded.valkey import valkey as running_valkey
from schema.migrate import migrate
from tests.power import Power, postgres_power

TEMPLATE = "migrated"
MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 8 << 30  # the tests' own data
SHARED = frozenset({"tests/access", "tests/api/money", "tests/banks", "tests/journeys"})
"""Folders whose tests share one running deployment, which would cost all others time."""


class ByDeployment(LoadFileScheduling):
    """Keeps the tests of a file together, and those of a folder that shares a deployment."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder in SHARED else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByDeployment:
    """Share the tests out among the processes."""
    return ByDeployment(config, log)


hypothesis.settings.register_profile("dev", max_examples=100, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=1_000, deadline=None, derandomize=True)
hypothesis.settings.register_profile("night", max_examples=50_000, deadline=None)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)


@pytest.fixture(scope="session", autouse=True)
def _logs_go_where_they_go_now() -> Iterator[None]:
    """Let no logger keep the output of a command that is over: threads outlive it here."""
    configure = structlog.configure

    def uncached(**settings: Any) -> None:
        configure(**settings | {"cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", uncached)
        yield


def in_memory() -> Path | None:
    """Return the folder of Linux that lies in memory, if there is enough of it."""
    found = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    room = (
        min(psutil.disk_usage(str(MEMORY)).free, psutil.virtual_memory().available) if found else 0
    )
    return MEMORY if room > MEMORY_BYTES_MIN else None


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """Hold the data of this process's servers, in memory where there is room for it.

    A database is a thousand small files: on a disk, to copy it takes many times as long.
    """
    folder = Path(tempfile.mkdtemp(prefix="ledgerbank-test-", dir=in_memory()))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_switch(server_dir: Path) -> Iterator[Power[PostgresPlace]]:
    """Run a PostgreSQL that forgets on power loss, and that a test may do without for a while."""
    with postgres_power(server_dir) as power:
        yield power


@pytest.fixture(scope="session")
def postgres_server(postgres_switch: Power[PostgresPlace]) -> PostgresPlace:
    """Give the PostgreSQL of all tests; `.url(database)` is its address."""
    return postgres_switch.place


@pytest.fixture(scope="session")
def migrated(postgres_server: PostgresPlace) -> str:
    """Name a database with all migrations applied, to be copied."""
    create_database(postgres_server, TEMPLATE)
    migrate(postgres_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(postgres_server: PostgresPlace, migrated: str) -> Iterator[str]:
    """Give the address of a fresh migrated database, dropped afterwards."""
    with fresh_database(postgres_server, migrated) as address:
        yield address


@pytest.fixture(scope="module")
def module_database(postgres_server: PostgresPlace, migrated: str) -> Iterator[str]:
    """Give the address of a fresh migrated database for all tests of a file."""
    with fresh_database(postgres_server, migrated) as address:
        yield address


@contextmanager
def fresh_database(server: PostgresPlace, template: str) -> Iterator[str]:
    """Copy the database `template` for the length of the block; give the copy's address."""
    name = f"test_{uuid4().hex[:12]}"
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL(CREATE).format(**names))
        yield server.url(name)
        admin.execute(sql.SQL(DROP).format(**names))


@pytest.fixture(scope="session")
def valkey(server_dir: Path) -> Iterator[str]:
    """Give the address of a Redis-protocol server shared by the tests of this process."""
    with running_valkey(server_dir, durable=False) as place:
        yield place.url


CREATE = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
DROP = "DROP DATABASE {name} WITH (FORCE)"
