"""One bank of each kind for all tests of this folder, put back before each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.workers.banks.outside import KINDS, Outside, outside


@pytest.fixture(scope="package")
def banks() -> Iterator[dict[str, Outside]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(outside(kind)) for kind in KINDS}


@pytest.fixture(params=KINDS)
def bank(banks: dict[str, Outside], request: pytest.FixtureRequest) -> Iterator[Outside]:
    """Give each kind in turn."""
    bank = banks[request.param]
    bank.begin()
    yield bank
    bank.end()


@pytest.fixture
def cursor(banks: dict[str, Outside]) -> Iterator[Outside]:
    """Give the bank that can do everything."""
    bank = banks["cursor"]
    bank.begin()
    yield bank
    bank.end()
