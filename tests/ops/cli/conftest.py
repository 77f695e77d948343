"""A shell over a fresh database, over demo data with read models in step, and over no database."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from ops.embedded.postgres import Place
from ops.settings import read_settings
from ops.verbs.database import seed
from tests.ops.cli.books import in_step
from tests.ops.cli.shell import Shell

KEYS = {
    "SECRET_KEY_BASE": "a secret key base that only tests of verbs know",
    "JWT_SECRET": "a secret of tokens that only tests of verbs know",
    "INDEX_KEY": base64.b64encode(b"i" * 32).decode(),
    "DATA_KEY_ENCRYPTION_KEYS": f"k1:{base64.b64encode(bytes(32)).decode()}",
    "TOKEN_ENCRYPTION_KEYS": f"k1:{base64.b64encode(bytes(32)).decode()}",
}
CHEAP = {"LEDGERBANK_ENV": "test", "LOG_LEVEL": "warning", "ARGON2_MEMORY_KIB": "8"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Give the settings of every test here; no database yet."""
    for name in ("DATABASE_URL", "REDIS_URL", "MIGRATION_DATABASE_URL", "DB_HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return {**KEYS, **CHEAP, "DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str], environment: dict[str, str]) -> Shell:
    """Give a shell without a database."""
    return Shell(capsys, environment)


@pytest.fixture
def shell(bare: Shell, database: str) -> Shell:
    """Give a shell over a fresh database."""
    bare.environment["DATABASE_URL"] = database
    return bare


@pytest.fixture(scope="session")
def demo_template(
    postgres_server: Place, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Name a database with the demo data and its read models, to be copied."""
    import asyncio

    data_dir = str(tmp_path_factory.mktemp("demo"))
    with copied(postgres_server, migrated) as name:
        dsn = postgres_server.url(name)
        settings = read_settings({**KEYS, **CHEAP, "DATABASE_URL": dsn, "DATA_DIR": data_dir})
        asyncio.run(seed(settings, dsn))
        in_step(dsn)
        yield name


@pytest.fixture
def demo(bare: Shell, postgres_server: Place, demo_template: str) -> Iterator[Shell]:
    """Give a shell over a copy of the demo data."""
    with copied(postgres_server, demo_template) as name:
        bare.environment["DATABASE_URL"] = postgres_server.url(name)
        yield bare


@contextmanager
def copied(server: Place, template: str) -> Iterator[str]:
    """Copy a database for the length of the block."""
    name = f"test_{uuid4().hex[:12]}"
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL(CREATE).format(**names))
        yield name
        admin.execute(sql.SQL(DROP).format(**names))


CREATE = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
DROP = "DROP DATABASE {name} WITH (FORCE)"
