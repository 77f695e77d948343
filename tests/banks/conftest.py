"""One whole bank for all tests of this folder, a sandbox bank beside it, and its workers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ops.embedded.postgres import Place
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.serving import beside
from ops.settings import read_settings
from tests.access.house import KEYS, SETTINGS, Caller, House, server
from tests.api.queries.conftest import copied
from tests.banks.crew import Crew, books_hold
from tests.banks.outside import Outside
from tests.mailbox import Open, mailbox
from tests.ops.sandbox_bank.customer import CLIENT, Sandbox
from tests.power import valkey_power
from tests.projections.conftest import followed

SECRETS = {
    "PAYMENT_WEBHOOK_SECRET": "the payments sign with this",
    "BANK_WEBHOOK_SECRET": "the banks sign with that",
    "FRAUD_WEBHOOK_SECRET": "and fraud signs otherwise",
    "RETRY_EXTERNAL_BASE_MS": "100",
    "PROVIDER_TIMEOUT_MS": "1000",
    "ENABLE_CIRCUIT_BREAKER": "on",
    "WEBHOOK_ALLOW_PRIVATE": "true",
}


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    with beside(Bank(CLIENT, 0, None)) as url:
        found = Sandbox(url)
        yield found
        found.http.close()


@pytest.fixture(scope="package")
def post() -> Iterator[Open]:
    """Give the SMTP server that mails go to."""
    with mailbox() as opened:
        yield opened


@pytest.fixture(scope="package")
def deployment(
    postgres_server: Place, migrated: str, server_dir: Path, sandbox: Sandbox, post: Open
) -> Iterator[tuple[House, Crew]]:
    """Give a bank of two servers and its workers; when all is done, its books hold."""
    with ExitStack() as stack:
        dsn = stack.enter_context(copied(postgres_server, migrated))
        broker = stack.enter_context(valkey_power(server_dir / "banks-broker")).place.url
        ports = (free_port(), 0)
        place = {"DATABASE_URL": dsn, "DATA_DIR": str(server_dir / "banks"), "REDIS_URL": broker}
        public = {"PUBLIC_URL": f"http://127.0.0.1:{ports[0]}"}
        outside = {"SANDBOX_BANK_URL": sandbox.url, "SMTP_URL": post.url}
        environment = {**SETTINGS, **place, **outside, **SECRETS, **public}
        settings = [read_settings(environment | keys) for keys in KEYS]
        doors = [
            stack.enter_context(server(each, dsn, broker, port))
            for each, port in zip(settings, ports, strict=True)
        ]
        stack.enter_context(followed(dsn))
        house = House(dsn, doors, settings[0])
        with closing(Crew(settings[0], environment | KEYS[0])) as crew:
            yield house, crew
        for client in house.clients:
            client.close()
        [(head,)] = house.rows("SELECT position FROM log.head")
        books_hold(crew.environment, dsn, head)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="package")
def house(deployment: tuple[House, Crew]) -> House:
    return deployment[0]


@pytest.fixture(scope="package")
def crew(deployment: tuple[House, Crew]) -> Crew:
    return deployment[1]


@pytest.fixture(scope="package")
def admin(house: House) -> Caller:
    return house.member("admin")


@pytest.fixture(scope="package")
def auditor(house: House) -> Caller:
    return house.member("auditor")


@pytest.fixture(scope="package")
def outside(house: House, sandbox: Sandbox, admin: Caller) -> Outside:
    """Give a bank of the catalogue that the sandbox bank is behind."""
    return Outside(house, sandbox, admin)
