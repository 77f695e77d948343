"""One house for all tests of this folder; each brings its own accounts."""

from collections.abc import Iterator

import pytest

from ops.audits.reading import Terms, audited
from ops.composition import rules_of
from ops.embedded.postgres import Place
from ops.output import Bar
from ops.readmodels import keks_of
from ops.settings import read_settings
from projections.log import head_position
from schema.postgres import connect
from tests.api.money.house import ENVIRONMENT, House, opened
from tests.api.queries.conftest import copied


@pytest.fixture(scope="package")
def house(postgres_server: Place, migrated: str) -> Iterator[House]:
    """Run the house; when everybody is done, its books balance, and an audit finds no fault."""
    with copied(postgres_server, migrated) as database, opened(database) as running:
        yield running
        running.books_balance()
        settings = read_settings({**ENVIRONMENT, "DATABASE_URL": database})
        terms = Terms(rules_of(settings), keks_of(settings))
        with connect(database) as connection:
            head = head_position(connection)
        audit = audited(database, terms, head, Bar(None, None))
        assert audit.found == []
        assert audit.position == head > 0
