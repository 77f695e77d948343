"""Houses: deployments whose parts can be killed, stopped, wiped and told to die at a named step."""

import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import redis
from typing_extensions import override

from ops.benches.deployment import HOST, Deployment, answers, free_port
from ops.embedded.children import spawn
from ops.supervisor import Child, Process, Running, Supervisor
from workers.broker import RedisTransport, build_broker

READY_SECONDS = 90.0
STOP_SECONDS = 60.0
CRASH_SECONDS = 45.0
POLL_SECONDS = 0.05
APIS, WORKERS = ("api-1", "api-2"), ("worker-1", "worker-2")
PROJECTIONS, SCHEDULERS = ("projections-1", "projections-2"), ("scheduler-1", "scheduler-2")
PARTS = (*APIS, *WORKERS, *PROJECTIONS, *SCHEDULERS)


class House(Protocol):
    """What a drill needs of a deployment. Whatever is killed is started again by the house."""

    urls: Sequence[str]
    dsn: str
    redis_url: str
    parts: Sequence[str]
    died_at: list[str]
    """The named steps at which a part has died."""

    def kill(self, part: str) -> None:
        """End a part at once, without a word."""

    def signal(self, part: str, number: signal.Signals) -> None:
        """Send a signal to a part."""

    def crash(self, parts: Sequence[str], point: str) -> None:
        """Start parts anew, to die as soon as they come to a named step; wait for the first."""

    def stop(self, part: str) -> tuple[float, int | None]:
        """Ask a part to end; return after how many seconds it did, and with which code.

        The code is None where the house cannot know it.
        """

    def wait(self, seconds: float) -> None:
        """Let time pass, keeping everything running that ought to run."""

    def until_ready(self) -> None:
        """Return when every server answers."""


def flush_broker(url: str) -> None:
    """Forget every message there is."""
    with redis.Redis.from_url(url) as client:
        client.flushall()


def double_messages(url: str, jobs: Sequence[tuple[str, str, str]]) -> None:
    """Hand (queue, actor, job) to the workers once more, in the order given."""
    broker = build_broker(url)
    transport = RedisTransport(broker)
    for queue, actor, job_id in jobs:
        transport.publish(queue, actor, job_id)
    broker.close()


class SupervisedHouse(House):
    """Every part twice, on the servers of a deployment, kept running from the main thread."""

    def __init__(
        self, deployment: Deployment, dsn: str, supervisor: Supervisor, mutant: str | None
    ) -> None:
        self.deployment, self.dsn, self.supervisor = deployment, dsn, supervisor
        self.redis_url, self.mutant, self.parts = deployment.redis_url, mutant, PARTS
        self.armed: dict[str, str] = {}
        self.died_at: list[str] = []
        self.ports = {name: free_port() for name in APIS}
        self.urls = [f"http://{HOST}:{port}" for port in self.ports.values()]

    def start(self) -> None:
        """Start every part."""
        for name in PARTS:
            self.supervisor.start(Child(name=name, start=partial(self.launch, name)))
        self.until_ready()

    def launch(self, name: str) -> Process:
        """Start one part; an armed one dies once at its step."""
        kind = name.partition("-")[0]
        verbs = {
            "api": ("serve", "--port", str(self.ports.get(name, 0))),
            "worker": ("worker",),
            "projections": ("project",),
            "scheduler": ("scheduler",),
        }
        flags = []
        if self.mutant is not None:
            flags += ["--mutant", self.mutant]
        point = self.armed.pop(name, None)
        if point is not None:
            flags += ["--crash-at", point]
        command = [sys.executable, "-m", "ops.faults.part", *flags, *verbs[kind]]
        log = self.deployment.folder / f"{name}.log"
        with log.open("ab") as output:
            return spawn(
                command,
                signal.SIGTERM,
                environment=self.deployment.environment(self.dsn),
                output=output,
            )

    def running(self, part: str) -> Running:
        """Return a part that runs."""
        [found] = [each for each in self.supervisor.children if each.child.name == part]
        while found.ended():
            self.wait(POLL_SECONDS)
        return found

    @override
    def kill(self, part: str) -> None:
        self.signal(part, signal.SIGKILL)

    @override
    def signal(self, part: str, number: signal.Signals) -> None:
        process = self.running(part).process
        assert process is not None, "it runs"
        process.send_signal(number)

    @override
    def crash(self, parts: Sequence[str], point: str) -> None:
        before = {self.running(part).process for part in parts}
        for part in parts:
            self.armed[part] = point
            self.kill(part)
        armed = [self.next_after(part, before) for part in parts]
        until = time.monotonic() + CRASH_SECONDS
        while time.monotonic() < until and all(each.poll() is None for each in armed):
            self.wait(POLL_SECONDS)
        if any(each.poll() == -signal.SIGKILL for each in armed):
            self.died_at.append(point)

    def next_after(self, part: str, before: "set[Process | None]") -> Process:
        """Return the process of a part that came after those of before."""
        while (found := self.running(part).process) in before or found is None:
            self.wait(POLL_SECONDS)
        return found

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
        until = time.monotonic() + READY_SECONDS
        for url in self.urls:
            while not answers(f"{url}/api/health/ready"):
                assert time.monotonic() < until, f"{url} is not ready"
                self.wait(POLL_SECONDS)
