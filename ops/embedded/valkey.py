"""A private Redis-protocol server in a data folder, reached by unix socket only."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ops.embedded.account import Account, unprivileged
from ops.embedded.children import last_lines, spawn, stop
from ops.embedded.folders import data_folder, leave, run_folder, server_folder
from ops.embedded.programs import valkey_programs
from ops.embedded.start import StartFailed

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class Place(msgspec.Struct, frozen=True):
    """The folders of one server and the account it runs under."""

    program: Path
    data: Path
    socket: Path
    log: Path
    account: Account | None
    durable: bool

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"


@contextmanager
def valkey(data_dir: Path, *, durable: bool = True) -> Iterator[Place]:
    """Run the server of `data_dir` for the length of the block; it dies with the calling thread."""
    place = prepare(data_dir, durable=durable)
    process = launch(place)
    try:
        wait_until_ready(place, process)
        yield place
    finally:
        stop(process, signal.SIGTERM, STOP_SECONDS)
        leave(place.socket.parent)


def launch(place: Place) -> "subprocess.Popen[bytes]":
    """Start the server unless one runs on its data already; then raises `StartFailed`."""
    refuse_second(place)
    with place.log.open("ab") as log:
        return spawn(
            command(place),
            signal.SIGTERM,
            account=place.account,
            environment=ENVIRONMENT,
            output=log,
        )


def prepare(data_dir: Path, *, durable: bool = True) -> Place:
    """Find the program and the folders."""
    base = data_folder(data_dir)
    account = unprivileged(base / "valkey")
    folder = server_folder(base, "valkey", account)
    programs, name = valkey_programs()
    return Place(
        program=programs.within_reach(folder.parent, account) / name,
        data=folder,
        socket=run_folder(base, account) / "valkey.sock",
        log=base / "valkey.log",
        account=account,
        durable=durable,
    )


def command(place: Place) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(place.socket),
        "unixsocketperm": "700",
        "dir": str(place.data),
        "appendonly": "yes" if place.durable else "no",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [
        str(place.program),
        *(part for name, value in options.items() for part in (f"--{name}", value)),
    ]


def refuse_second(place: Place) -> None:
    """Leave a running server alone: two of them on one append-only file would ruin it."""
    if answers(place):
        raise StartFailed(f"a Redis-protocol server already runs on {place.data}")
    place.socket.unlink(missing_ok=True)


def wait_until_ready(place: Place, process: "subprocess.Popen[bytes]") -> None:
    """Return when the server answers; say what its log says when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(place):
        if process.poll() is not None:
            raise StartFailed(f"the broker ended at once:\n{last_lines(place.log)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"the broker does not answer:\n{last_lines(place.log)}")
        time.sleep(POLL_SECONDS)


def answers(place: Place) -> bool:
    """Say whether the server takes commands now; while it loads its file it does not."""
    once = Retry(NoBackoff(), 0)
    with redis.Redis(
        unix_socket_path=str(place.socket), socket_timeout=1, retry=once
    ) as connection:
        try:
            return bool(connection.ping())
        except redis.RedisError:
            return False
