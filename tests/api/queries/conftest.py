"""One town for all tests that only look, and a fresh one for those that change something."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from ops.embedded.postgres import Place
from tests.api.queries.town import Desk, Town, opened
from tests.conftest import CREATE, DROP


@contextmanager
def copied(server: Place, template: str) -> Iterator[str]:
    """Give the address of a copy of the database `template`, dropped afterwards."""
    name = f"town_{uuid4().hex[:12]}"
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL(CREATE).format(**names))
        try:
            yield server.url(name)
        finally:
            admin.execute(sql.SQL(DROP).format(**names))


@pytest.fixture(scope="session")
def desk(postgres_server: Place, migrated: str) -> Iterator[Desk]:
    """Show a town that nobody changes."""
    with copied(postgres_server, migrated) as database, opened(Town(database)) as running:
        yield running


@pytest.fixture
def own_desk(database: str) -> Iterator[Desk]:
    """Show a town of one's own."""
    with opened(Town(database)) as running:
        yield running
