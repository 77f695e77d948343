"""Houses: deployments whose parts can be killed, stopped, wiped and told to die at a named step."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import psutil
import psycopg
import redis

from ops.embedded import postgres
from ops.faults.orders import Orders, give, orders_file, withdraw
from ops.settings import Settings
from workers.broker import RedisTransport, build_broker

ARRIVAL_SECONDS = 45.0
"""How long a part may take to come to the step at which it is to die or to stand still."""
BACK_SECONDS = 90.0
POLL_SECONDS = 0.05
ENDED = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})
Server: TypeAlias = Literal["postgres", "broker"]
Office: TypeAlias = Literal["relay", "scheduler", "projections"]
"""What one process at a time does for all."""


class House(ABC):
    """What a drill needs of a deployment. Whatever is killed is started again by the house."""

    urls: Sequence[str]
    dsn: str
    redis_url: str
    place: postgres.Place
    folder: Path
    """Where orders lie, and what the parts wrote."""
    settings: Settings
    parts: Sequence[str]
    died_at: list[str]
    """The named steps at which a part has died."""
    stood_at: list[str]
    """The named steps at which a part has stood still."""

    @abstractmethod
    def process(self, part: str) -> psutil.Process:
        """Return the process of a part, as soon as there is one."""

    @abstractmethod
    def server(self, name: Server) -> psutil.Process:
        """Return the process of a server; of PostgreSQL it is the postmaster."""

    @abstractmethod
    def restarted(self, name: Server) -> None:
        """Return when a server that was killed answers again."""

    @abstractmethod
    def stop(self, part: str) -> tuple[float, int | None]:
        """Ask a part to end; return after how many seconds it did, and with which code.

        The code is None where the house cannot know it.
        """

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass, keeping everything running that ought to run."""

    @abstractmethod
    def until_ready(self) -> None:
        """Return when every server answers."""

    def kill(self, part: str) -> None:
        """End a part at once, without a word."""
        self.process(part).kill()

    def renewed(self, part: str, orders: Orders) -> psutil.Process:
        """Kill a part; return the process that comes in its place, with its orders."""
        before = self.process(part)
        give(self.folder, part, orders)
        before.kill()
        while (found := self.process(part)) == before:
            self.wait(POLL_SECONDS)
        return found

    def crash(self, parts: Sequence[str], point: str) -> None:
        """Start parts anew, to die as soon as they come to a named step; wait for the first.

        The others die where they are, so that none of them does later.
        """
        armed = [self.renewed(part, Orders(crash_at=point)) for part in parts]
        if self.until(lambda: any(map(has_ended, armed)), ARRIVAL_SECONDS):
            self.died_at.append(point)
        for part, each in zip(parts, armed, strict=True):
            withdraw(self.folder, part)
            end(each)

    def freeze(self, part: str, point: str, seconds: float, lease_seconds: int | None) -> None:
        """Start a part anew, to stand still at a named step for so long, and then to go on.

        One that never gets there is started once more, so that it does not stand still later.
        """
        armed = self.renewed(part, Orders(stand_at=point, lease_seconds=lease_seconds))
        if not self.until(lambda: stands(armed), ARRIVAL_SECONDS):
            withdraw(self.folder, part)
            self.kill(part)
            return
        self.stood_at.append(point)
        self.wait(seconds)
        armed.send_signal(signal.SIGCONT)

    def behead(self, office: Office) -> None:
        """Kill whichever part holds an office now; nobody, when its holder is dead already."""
        with psycopg.connect(self.dsn) as connection:
            holders = {name for (name,) in connection.execute(HOLDERS[office]).fetchall()}
        for part in self.parts:
            process = self.process(part)
            if any(holder.partition(" ")[0].endswith(f"/{process.pid}") for holder in holders):
                process.kill()

    def down(self, name: Server) -> None:
        """Kill a server with all that belongs to it; return when it answers again."""
        server = self.server(name)
        for each in (server, *server.children(recursive=True)):
            end(each)
        self.restarted(name)

    def cut_off(self) -> None:
        """Kill one process that PostgreSQL serves a client with: it starts all of them anew."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(SOME_CLIENT).fetchone()
        if row is not None:
            end(psutil.Process(row[0]))
        self.restarted("postgres")

    def until(self, question: Callable[[], bool], seconds: float) -> bool:
        """Wait for something to come true; return whether it has."""
        deadline = time.monotonic() + seconds
        while not question():
            if time.monotonic() > deadline:
                return False
            self.wait(POLL_SECONDS)
        return True

    def logs(self) -> list[Path]:
        """Return where the parts and the servers wrote what they had to say."""
        return sorted(self.folder.glob("*.log"))

    def orders_of(self, part: str) -> list[str]:
        """Return the flags that tell a part where its orders lie."""
        return ["--orders", str(orders_file(self.folder, part))]


def has_ended(process: psutil.Process) -> bool:
    """Say whether a process is over."""
    try:
        return not process.is_running() or process.status() in ENDED
    except psutil.NoSuchProcess:
        return True


def stands(process: psutil.Process) -> bool:
    """Say whether a process stands still."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def end(process: psutil.Process) -> None:
    """Kill a process that may be over already."""
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


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


HOLDERS: dict[Office, bytes] = {
    "relay": b"SELECT holder FROM work.relay WHERE lease_until > clock_timestamp()",
    "scheduler": b"SELECT holder FROM work.scheduler WHERE lease_until > clock_timestamp()",
    "projections": b"SELECT holder FROM read.checkpoints WHERE holder IS NOT NULL LIMIT 1",
}
SOME_CLIENT = b"""
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()
ORDER BY random() LIMIT 1
"""
