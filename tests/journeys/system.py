"""A running deployment: its processes by name, its command line, its broker."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psutil
import psycopg
import redis

from tests.journeys.house import NAME

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.05
LINE_SHOWN_MAX = 3_000
PORTS, PORTS_PER_PROCESS = range(20_000, 32_000), 8
APIS = ("api-1", "api-2")
NAMES = (*APIS, "projections", "worker-1", "worker-2", "scheduler")


class Told(msgspec.Struct, frozen=True):
    """What the command line said, and with which code it ended."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:
        assert self.code == 0, self
        return msgspec.json.decode(self.output)


class System(msgspec.Struct, frozen=True):
    """Two servers, projections, two workers and a scheduler on one database and one broker."""

    environment: dict[str, str]
    urls: tuple[str, ...]
    house: subprocess.Popen[bytes]
    log: Path

    def process(self, name: str) -> psutil.Process | None:
        """Find a process of the house, once it has become what it is called."""
        for child in psutil.Process(self.house.pid).children():
            try:
                known_as = child.environ().get(NAME)
                if known_as == name and "trampoline" not in " ".join(child.cmdline()):
                    return child
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return None

    def running(self, name: str) -> psutil.Process:
        found: psutil.Process = eventually(lambda: self.process(name), f"{name} runs")
        return found

    def kill(self, name: str) -> int:
        """End a process at once, without a word; return its id."""
        process = self.running(name)
        process.kill()
        return process.pid

    def killed(self, name: str) -> None:
        """Kill a process and see another one in its place."""
        gone = self.kill(name)
        eventually(lambda: self.running(name).pid != gone, f"{name} is back")
        self.until_ready()

    @contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """Let processes stand still for the length of the block."""
        processes = [self.running(name) for name in names]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def until_ready(self) -> None:
        for url in self.urls:
            eventually(partial(ready, url), f"{url} is ready", self.said)

    def said(self) -> str:
        """Return the end of what the processes wrote, each line cut short."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        told = [line for line in lines if '"level":"info"' not in line]
        return "\n".join(line[:LINE_SHOWN_MAX] for line in told[-20:])

    def ledgerbank(self, *arguments: str) -> Told:
        return ledgerbank(self.environment, *arguments)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def flush_broker(self) -> None:
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as broker:
            broker.flushall()


def ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/health/ready", timeout=5).is_success
    except httpx2.HTTPError:
        return False


def eventually(
    question: Callable[[], Any],
    claim: str,
    told: Callable[[], str] = str,
    seconds: float = DEADLINE_SECONDS,
) -> Any:
    """Wait until `question` is answered by something true; return that."""
    until = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < until, f"it never came to pass that {claim}\n{told()}"
        time.sleep(POLL_SECONDS)
    return answer


def ledgerbank(environment: dict[str, str], *arguments: str) -> Told:
    """Run the command line to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


def ports() -> Iterator[int]:
    """Yield free ports that no other test process takes.

    They lie below those that the system gives to clients, so that they stay free while a server
    that was killed is away.
    """
    first = os.getpid() * PORTS_PER_PROCESS % (PORTS.stop - PORTS.start - PORTS_PER_PROCESS)
    yield from filter(is_free, PORTS[first : first + PORTS_PER_PROCESS])


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


FREE_PORTS = ports()


@contextmanager
def deployed(environment: dict[str, str], folder: Path) -> Iterator[System]:
    """Run a deployment for the length of the block; nothing of it is left afterwards."""
    chosen, log = [next(FREE_PORTS), next(FREE_PORTS)], folder / "house.log"
    settings = json.dumps({"ports": chosen, "environment": environment, "folder": str(folder)})
    with log.open("ab") as output:
        house = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.house", settings],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    system = System(environment, tuple(f"http://127.0.0.1:{port}" for port in chosen), house, log)
    try:
        system.until_ready()
        yield system
    finally:
        children = psutil.Process(house.pid).children(recursive=True)
        house.send_signal(signal.SIGTERM)
        try:
            house.wait(DEADLINE_SECONDS)
        finally:
            house.kill()
            house.wait()
            for child in children:
                if child.is_running():
                    child.kill()
