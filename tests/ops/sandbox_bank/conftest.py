"""One sandbox bank for all tests of this folder, put back before each."""

from collections.abc import Iterator

import pytest

from tests.ops.sandbox_bank.customer import Sandbox, sandbox_bank


@pytest.fixture(scope="package")
def running() -> Iterator[Sandbox]:
    with sandbox_bank() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.control("POST", "/reset")
    return running
