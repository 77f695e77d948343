"""One whole bank for all tests of this folder, a sandbox bank beside it, and a worker."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ops.embedded.postgres import Place
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.serving import beside
from ops.settings import read_settings
from ops.work import work
from tests.access.house import KEYS, SETTINGS, Caller, House, server
from tests.api.queries.conftest import copied
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
def house(
    postgres_server: Place, migrated: str, server_dir: Path, sandbox: Sandbox, post: Open
) -> Iterator[House]:
    """Give a bank of two servers and a worker, connected to the sandbox bank."""
    with ExitStack() as stack:
        dsn = stack.enter_context(copied(postgres_server, migrated))
        broker = stack.enter_context(valkey_power(server_dir / "banks-broker")).place.url
        place = {"DATABASE_URL": dsn, "DATA_DIR": str(server_dir / "banks")}
        outside = {"SANDBOX_BANK_URL": sandbox.url, "SMTP_URL": post.url, **SECRETS}
        settings = [read_settings({**SETTINGS, **keys, **place, **outside}) for keys in KEYS]
        ports = [stack.enter_context(server(each, dsn)) for each in settings]
        stack.enter_context(followed(dsn))
        stop = threading.Event()
        worker = threading.Thread(target=work, args=(settings[0], dsn, broker, (), stop))
        worker.start()
        house = House(dsn, ports, settings[0])
        yield house
        stop.set()
        worker.join(30)
        for client in house.clients:
            client.close()


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
