"""A house whose parts and servers are kept running by the product's own supervisor."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from typing_extensions import override

from ops.benches.deployment import HOST, Deployment, answers, free_port
from ops.embedded import postgres, valkey
from ops.embedded.children import spawn
from ops.faults.house import BACK_SECONDS, POLL_SECONDS, House, Server
from ops.faults.steps import kind_of
from ops.servers import postgres_child, valkey_child
from ops.supervisor import Child, Process, Running, Supervisor, supervised
from schema.postgres import connect, durable

STOP_SECONDS = 60.0
APIS, WORKERS = ("api-1", "api-2"), ("worker-1", "worker-2")
PROJECTIONS, SCHEDULERS = ("projections-1", "projections-2"), ("scheduler-1", "scheduler-2")
PARTS = (*APIS, *WORKERS, *PROJECTIONS, *SCHEDULERS)
SERVERS: dict[Server, str] = {"postgres": "postgres", "broker": "valkey"}


@contextmanager
def grounds(parent: Path | None) -> Iterator[tuple[Deployment, Supervisor, valkey.Place]]:
    """Keep durable servers running in a new folder below `parent`; nothing is left at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ledgerbank-drill-", dir=parent))
    folder.chmod(0o711)
    try:
        with supervised(sys.stderr) as supervisor:
            server, broker = postgres.prepare(folder, None), valkey.prepare(folder)
            supervisor.start(postgres_child(server))
            postgres.create_database(server, postgres.OWNER)
            supervisor.start(valkey_child(broker))
            with connect(server.url(postgres.OWNER)) as connection:
                durable(connection)
            yield Deployment(folder, server, broker.url), supervisor, broker
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class SupervisedHouse(House):
    """Every part twice, kept running from the main thread."""

    def __init__(
        self,
        deployment: Deployment,
        dsn: str,
        supervisor: Supervisor,
        broker: valkey.Place,
        mutant: str | None,
    ) -> None:
        self.deployment, self.dsn, self.supervisor = deployment, dsn, supervisor
        self.place, self.folder, self.broker = deployment.server, deployment.folder, broker
        self.settings = deployment.settings(dsn)
        self.redis_url, self.mutant, self.parts = deployment.redis_url, mutant, PARTS
        self.died_at: list[str] = []
        self.stood_at: list[str] = []
        self.ports = {name: free_port() for name in APIS}
        self.urls = [f"http://{HOST}:{port}" for port in self.ports.values()]

    def start(self) -> None:
        """Start every part."""
        for name in PARTS:
            self.supervisor.start(Child(name=name, start=partial(self.launch, name)))
        self.until_ready()

    def launch(self, name: str) -> Process:
        """Start one part; orders are for one start only."""
        verbs = {
            "api": ("serve", "--port", str(self.ports.get(name, 0))),
            "worker": ("worker",),
            "projections": ("project",),
            "scheduler": ("scheduler",),
        }
        flags = self.orders_of(name)
        if self.mutant is not None:
            flags += ["--mutant", self.mutant]
        command = [sys.executable, "-m", "ops.faults.part", *flags, *verbs[kind_of(name)]]
        log = self.deployment.folder / f"{name}.log"
        with log.open("ab") as output:
            return spawn(
                command,
                signal.SIGTERM,
                environment=self.deployment.environment(self.dsn),
                output=output,
            )

    def running(self, name: str) -> Running:
        """Return a child that runs."""
        [found] = [each for each in self.supervisor.children if each.child.name == name]
        while found.ended():
            self.wait(POLL_SECONDS)
        return found

    @override
    def process(self, part: str) -> psutil.Process:
        while True:
            process = self.running(part).process
            assert process is not None, "it runs"
            try:
                return psutil.Process(process.pid)
            except psutil.NoSuchProcess:
                self.wait(POLL_SECONDS)

    @override
    def server(self, name: Server) -> psutil.Process:
        return self.process(SERVERS[name])

    @override
    def restarted(self, name: Server) -> None:
        up = {
            "postgres": partial(postgres.answers, self.place),
            "broker": partial(valkey.answers, self.broker),
        }
        assert self.until(up[name], BACK_SECONDS), f"{name} does not come back"

    @override
    def stop(self, part: str) -> tuple[float, int | None]:
        process = self.running(part).process
        assert process is not None, "it runs"
        began = time.monotonic()
        process.terminate()
        while process.poll() is None and time.monotonic() - began < STOP_SECONDS:
            self.wait(POLL_SECONDS)
        return time.monotonic() - began, process.returncode

    @override
    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self.supervisor.check()
            self.supervisor.keep_running()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, POLL_SECONDS))

    @override
    def until_ready(self) -> None:
        for url in self.urls:
            ready = partial(answers, f"{url}/api/health/ready")
            assert self.until(ready, BACK_SECONDS), f"{url} is not ready"
