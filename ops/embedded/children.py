"""Child processes that end with their parent, and what is known about a process by its id."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import IO

import psutil

from ops.embedded import trampoline
from ops.embedded.account import Account

Output = IO[bytes] | int | None


class State(Enum):
    """What became of a process: a zombie has ended, but whoever started it has not noticed."""

    RUNNING = "running"
    ZOMBIE = "zombie"
    GONE = "gone"


def spawn(
    command: Sequence[str],
    death_signal: signal.Signals,
    *,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    output: Output = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session; it gets `death_signal` when the calling thread ends."""
    identity = (trampoline.UNCHANGED, trampoline.UNCHANGED) if account is None else account.ids
    promise = [int(death_signal), os.getpid(), *identity]
    return subprocess.Popen(  # noqa: S603  # commands are ours, never a user's
        [sys.executable, "-I", "-S", trampoline.__file__, *map(str, promise), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], asked: signal.Signals, seconds: float) -> None:
    """Ask the process to end; after `seconds` end it."""
    if process.poll() is None:
        process.send_signal(asked)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def state_of(pid: int, name: str) -> State:
    """Say what became of the program `name` that had `pid`; a reused pid means it is gone."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return State.ZOMBIE
        return State.RUNNING if process.name().startswith(name) else State.GONE
    except psutil.NoSuchProcess:
        return State.GONE


def last_lines(log: Path, count: int = 12) -> str:
    """Return the end of a log file, for the message of a failed start."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
