"""One server for all tests of this folder, with every kind of route."""

from collections.abc import Iterator

import pytest
import structlog

from api.app import create_app
from tests.api.desk import THINGS, Paused, authenticate, things_uses
from tests.api.serving import Served, serving


def drop(*_: object) -> dict[str, object]:
    raise structlog.DropEvent


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    structlog.configure(processors=[drop])


@pytest.fixture(scope="session")
def paused() -> Paused:
    return Paused()


@pytest.fixture(scope="session")
def served(paused: Paused) -> Iterator[Served]:
    app = create_app(THINGS, things_uses(paused), authenticate=authenticate)
    with serving(app) as running:
        yield running
