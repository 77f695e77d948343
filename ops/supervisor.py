"""Keeps child processes running: starts them in order, restarts what ends, stops in reverse."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TextIO, TypeAlias

import msgspec
import structlog

from ops.embedded.children import spawn, stop
from ops.embedded.start import StartFailed

Process: TypeAlias = "subprocess.Popen[bytes]"

POLL_SECONDS = 0.05
BACK_OFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 10.0

log = structlog.get_logger()


class StopAsked(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM; leaves the supervised block, nobody else sees it."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep running; it is started from the main thread and ends with it.

    `after` is called once it has ended for good.
    """

    name: str
    start: Callable[[], Process]
    ready: Callable[[], bool] = lambda: True
    ready_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    after: Callable[[], object] = lambda: None


def program(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Callable[[], Process]:
    """Return how to start `command` with its output forwarded."""
    return lambda: spawn(command, signal.SIGTERM, environment=environment, output=subprocess.PIPE)


class Running:
    """A child with its current process; `failures` counts ends that came too soon in a row."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: Process | None = None
        self.started_at = 0.0
        self.due_at = 0.0
        self.failures = 0

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


class Supervisor:
    """Children in the order they were started. Use it from the main thread, inside `supervised`."""

    def __init__(self, output: TextIO, *, prefixed: bool = True) -> None:
        self.output = output
        self.prefixed = prefixed
        self.children: list[Running] = []
        self.asked = 0

    def ask(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask for the end; asked twice, children are killed where they stand."""
        self.asked += 1

    def check(self) -> None:
        """Leave the block if the end was asked for; call it between steps that take long."""
        if self.asked:
            raise StopAsked

    def start(self, child: Child) -> None:
        """Start the child and return when it is ready; raises `StartFailed` when it never is."""
        running = Running(child)
        self.children.append(running)
        self.launch(running)
        deadline = time.monotonic() + child.ready_seconds
        while not child.ready():
            self.check()
            if running.ended():
                raise StartFailed(f"{child.name} ended before it was ready")
            if time.monotonic() > deadline:
                raise StartFailed(f"{child.name} was not ready within {child.ready_seconds:.0f} s")
            self.keep_running(besides=running)
            time.sleep(POLL_SECONDS)

    def wait(self) -> None:
        """Keep the children running until the end is asked for."""
        while True:
            self.check()
            self.keep_running()
            time.sleep(POLL_SECONDS)

    def keep_running(self, besides: Running | None = None) -> None:
        """Restart what ended, sooner or later according to how often it did."""
        for running in self.children:
            if running is not besides and running.ended():
                self.revive(running)

    def revive(self, running: Running) -> None:
        """Start an ended child again once its pause is over."""
        now = time.monotonic()
        if running.process is not None:
            steady = now - running.started_at > STEADY_SECONDS
            running.failures = 0 if steady else running.failures + 1
            pause = BACK_OFF_SECONDS[min(running.failures, len(BACK_OFF_SECONDS) - 1)]
            code = running.process.returncode
            log.warning("process.ended", name=running.child.name, code=code, restart_in=pause)
            running.process, running.due_at = None, now + pause
        elif now >= running.due_at:
            self.relaunch(running)

    def relaunch(self, running: Running) -> None:
        try:
            self.launch(running)
        except StartFailed as failure:
            running.failures += 1
            pause = BACK_OFF_SECONDS[min(running.failures, len(BACK_OFF_SECONDS) - 1)]
            running.due_at = time.monotonic() + pause
            log.warning("process.not_started", name=running.child.name, reason=str(failure))

    def launch(self, running: Running) -> None:
        running.process = running.child.start()
        running.started_at = time.monotonic()
        if running.process.stdout is not None:
            threading.Thread(
                target=self.forward, args=(running.child.name, running.process), daemon=True
            ).start()

    def forward(self, name: str, process: Process) -> None:
        """Copy what the child writes, line by line, with its name in front."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                text = line.decode(errors="replace")
                self.output.write(f"{name:<12} | {text}" if self.prefixed else text)
                self.output.flush()

    def stop_all(self) -> None:
        """End the children, last started first; each gets its time unless we are asked again."""
        for running in reversed(self.children):
            if running.process is not None:
                end(running.process, running.child, hurried=lambda: self.asked > 1)
            running.child.after()
        self.children.clear()


def end(process: Process, child: Child, hurried: Callable[[], bool]) -> None:
    """Ask the process to end, then end it."""
    if process.poll() is None:
        process.send_signal(child.stop_signal)
    deadline = time.monotonic() + child.stop_seconds
    while process.poll() is None and time.monotonic() < deadline and not hurried():
        time.sleep(POLL_SECONDS)
    stop(process, signal.SIGKILL, child.stop_seconds)


@contextmanager
def supervised(output: TextIO, *, prefixed: bool = True) -> Iterator[Supervisor]:
    """Give a supervisor that stops its children at the end of the block, on Ctrl-C or SIGTERM."""
    supervisor = Supervisor(output, prefixed=prefixed)
    before = {
        number: signal.signal(number, supervisor.ask) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield supervisor
    except StopAsked:
        log.info("processes.stopping")
    finally:
        supervisor.stop_all()
        for number, handler in before.items():
            signal.signal(number, handler)
