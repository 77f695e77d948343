"""One whole bank for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.postgres import Place
from tests.access.house import Caller, House, opened
from tests.api.queries.conftest import copied


@pytest.fixture(scope="package")
def house(postgres_server: Place, migrated: str, server_dir: Path) -> Iterator[House]:
    """Give a bank of two servers."""
    with (
        copied(postgres_server, migrated) as database,
        opened(database, server_dir / "access") as running,
    ):
        yield running


@pytest.fixture(scope="package")
def admin(house: House) -> Caller:
    return house.member("admin")


@pytest.fixture(scope="package")
def auditor(house: House) -> Caller:
    return house.member("auditor")
