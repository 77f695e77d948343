"""A deployment to measure: private, durable servers and processes in a throw-away folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
import psutil

from ops.embedded import postgres, valkey
from ops.embedded.children import last_lines, spawn, stop
from ops.settings import Settings, read_settings
from ops.settings.setting import Environment
from schema.migrate import migrate
from schema.postgres import connect, durable

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
HOST = "127.0.0.1"


class Broken(Exception):
    """Something measured did not do what it is there for, so there is no figure."""


class Deployment(msgspec.Struct, frozen=True):
    """Servers, and a folder for whatever the measured processes leave."""

    folder: Path
    server: postgres.Place
    redis_url: str
    env: Environment = "dev"

    def database(self, name: str) -> str:
        """Make a migrated database; return its address."""
        postgres.create_database(self.server, name)
        dsn = self.server.url(name)
        migrate(dsn)
        return dsn

    def environment(self, dsn: str) -> dict[str, str]:
        """Return the environment of every process on one database.

        It logs as in production; passwords are cheap, because none is measured, and nobody is
        kept from asking as fast as possible.
        """
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LEDGERBANK_ENV": self.env,
            "DATABASE_URL": dsn,
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(self.folder),
            "LOG_FORMAT": "json",
            "ARGON2_MEMORY_KIB": "1024",
            "ARGON2_TIME_COST": "1",
            "ENABLE_RATE_LIMITING": "off",
        }

    def settings(self, dsn: str) -> Settings:
        """Return the settings that those processes have."""
        return read_settings(self.environment(dsn))

    @contextmanager
    def running(self, dsn: str, *arguments: str) -> Iterator["Child"]:
        """Run `python -m ARGUMENTS` for the length of the block; what it says goes to a file."""
        log = self.folder / f"{'-'.join(name for name in arguments[:2] if '/' not in name)}.log"
        with log.open("ab") as output:
            process = spawn(
                [sys.executable, "-m", *arguments],
                signal.SIGTERM,
                environment=self.environment(dsn),
                output=output,
            )
        try:
            yield Child(process, log)
        finally:
            stop(process, signal.SIGTERM, STOP_SECONDS)

    def run(self, dsn: str, *arguments: str, seconds: float) -> None:
        """Run `python -m ARGUMENTS` to its end. Raises `Broken` when it fails or takes too long."""
        with self.running(dsn, *arguments) as child:
            child.finish(seconds)


class Child:
    """A running process of ours; `cpu_seconds` is what it has used so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self.log = process, log
        self.measured = psutil.Process(process.pid)

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU this process has used, in user and kernel mode."""
        used = self.measured.cpu_times()
        return used.user + used.system

    def finish(self, seconds: float) -> None:
        """Wait until it ends well. Raises `Broken`."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise Broken(f"{self.process.args!r} took longer than {seconds:.0f} s") from late
        if code:
            raise Broken(f"{self.process.args!r} ended with {code}:\n{last_lines(self.log)}")

    def wait_for(self, url: str) -> None:
        """Return when it answers at `url`. Raises `Broken`."""
        deadline = time.monotonic() + READY_SECONDS
        while not answers(url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Broken(f"nobody answers at {url}:\n{last_lines(self.log)}")
            time.sleep(POLL_SECONDS)


def answers(url: str) -> bool:
    """Say whether a request to `url` succeeds."""
    try:
        return httpx2.get(url, timeout=2).is_success
    except httpx2.HTTPError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def deployed(parent: Path | None) -> Iterator[Deployment]:
    """Start durable servers in a new folder below `parent`; everything is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerbank-bench-", dir=parent))
    folder.chmod(0o711)
    try:
        with kept(folder) as deployment:
            yield deployment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kept(folder: Path) -> Iterator[Deployment]:
    """Start durable servers on the data in `folder`, which stays there."""
    with postgres.postgres(folder) as server, valkey.valkey(folder) as broker:
        with connect(server.url(postgres.OWNER)) as connection:
            durable(connection)
        yield Deployment(folder, server, broker.url)
