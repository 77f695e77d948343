"""The command line as a test uses it: in this process, or as one of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from ops.cli import main

ROOT = Path(__file__).parents[3]
NOWHERE = "postgresql://nobody:hush-hush@127.0.0.1:1/nothing"
WAIT_SECONDS = 60


class Ran(msgspec.Struct, frozen=True):
    """What a verb said, and with which code it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.endswith("\n")
        return msgspec.json.decode(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@contextmanager
def unchanged() -> Iterator[None]:
    """Put back what a verb sets for its process: environment, signals and log."""
    environment, log = dict(os.environ), structlog.get_config()
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        structlog.configure(**log)
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Shell:
    """Runs verbs with an environment of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], environment: Mapping[str, str]) -> None:
        self.capsys, self.environment = capsys, dict(environment)

    def __call__(self, *arguments: str, **changes: str) -> Ran:
        """Run a verb in this process; `changes` are settings for this once."""
        self.capsys.readouterr()
        with unchanged():
            os.environ.update(self.environment | changes)
            code = exit_code(list(arguments))
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)

    @contextmanager
    def running(self, *arguments: str, **changes: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a verb in a process of its own; it is gone when the block ends."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", *arguments],
            cwd=ROOT,
            env=os.environ | self.environment | changes,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def alone(self, *arguments: str, **changes: str) -> Ran:
        """Run a verb to its end in a process of its own."""
        with self.running(*arguments, **changes) as process:
            out, err = process.communicate(timeout=2 * WAIT_SECONDS)
        return Ran(process.returncode, out, err)


def exit_code(arguments: list[str]) -> int:
    """Return what the operating system would be told."""
    try:
        returned: int | None = main(arguments)
    except SystemExit as asked:
        return asked.code if isinstance(asked.code, int) else 1
    return returned or 0


def ended(process: "subprocess.Popen[str]", asked: signal.Signals = signal.SIGTERM) -> Ran:
    """Ask a process to end; return how it did."""
    process.send_signal(asked)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    return Ran(process.returncode, out, err)


def until(condition: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    """Wait until `condition` holds; fail when the process ends first, or in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
