"""The outside world of a demo: the sandbox bank, kept running beside the product."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from ops.banks import SANDBOX_PORT
from ops.embedded.folders import data_folder
from ops.sandbox_bank.authorization import Client
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.serving import LOOPBACK, beside
from ops.settings import Settings
from ops.settings.groups import DEMO_BANK_URL
from ops.supervisor import Child, program

log = structlog.get_logger()


def wants_bank(settings: Settings) -> bool:
    """Say whether the demo has to bring its own bank."""
    return settings.core.demo_mode and settings.banking.sandbox_bank_url == DEMO_BANK_URL


def client_of(settings: Settings) -> Client:
    """Return who may ask for consent at the sandbox bank: this product."""
    banking = settings.banking
    return Client(banking.sandbox_client_id, banking.sandbox_client_secret)


def kept_in(settings: Settings) -> Path:
    """Return the file in which the demo's bank outlives a restart."""
    return data_folder(settings.core.data_dir) / "sandbox-bank.json"


@contextmanager
def bank_inside(settings: Settings) -> Iterator[None]:
    """Run the demo's bank in this process for the length of the block.

    When its port is taken, another process of this deployment plays it already.
    """
    with ExitStack() as stack:
        if wants_bank(settings):
            bank = Bank(client_of(settings), path=kept_in(settings))
            try:
                stack.enter_context(beside(bank, SANDBOX_PORT))
            except OSError:
                log.info("sandbox_bank.already_there", port=SANDBOX_PORT)
        yield


def bank_beside(command: list[str], environment: Mapping[str, str], port: int) -> Child:
    """Return the demo's bank as a process to keep running."""

    def listening() -> bool:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            return False
        return True

    return Child(name="sandbox-bank", start=program(command, environment), ready=listening)


def free_port(wanted: int) -> int:
    """Return a port of this machine that nobody listens on: the one wanted, or any."""
    for port in (wanted, 0):
        try:
            with socket.create_server((LOOPBACK, port)) as probe:
                chosen: int = probe.getsockname()[1]
                return chosen
        except OSError:
            continue
    raise OSError("no port is free")
