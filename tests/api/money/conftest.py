"""One house for all tests of this folder; each brings its own accounts."""

from collections.abc import Iterator

import pytest

from ops.embedded.postgres import Place
from tests.api.money.house import House, opened
from tests.api.queries.conftest import copied


@pytest.fixture(scope="session")
def house(postgres_server: Place, migrated: str) -> Iterator[House]:
    """Run the house; when everybody is done, its books balance."""
    with copied(postgres_server, migrated) as database, opened(database) as running:
        yield running
        running.books_balance()
