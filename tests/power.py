"""Servers that a test may stop in the middle, and start again."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from ops.embedded import postgres, valkey
from ops.embedded.children import stop
from ops.embedded.folders import leave

Place = TypeVar("Place")
STOP_SECONDS = 30.0


class Power(Generic[Place]):
    """A server at a place; it ends with the thread that started it."""

    def __init__(
        self,
        place: Place,
        launch: "Callable[[Place], subprocess.Popen[bytes]]",
        wait: "Callable[[Place, subprocess.Popen[bytes]], None]",
        stop_signal: signal.Signals,
    ) -> None:
        self.place, self.launch, self.wait, self.stop_signal = place, launch, wait, stop_signal
        self.on()

    def on(self) -> None:
        """Start the server and wait until it answers."""
        self.process = self.launch(self.place)
        self.wait(self.place, self.process)

    def off(self) -> None:
        """Stop the server in good order."""
        stop(self.process, self.stop_signal, STOP_SECONDS)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Do without the server for the length of the block."""
        self.off()
        try:
            yield
        finally:
            self.on()


@contextmanager
def postgres_power(folder: Path) -> Iterator[Power[postgres.Place]]:
    """Run a PostgreSQL that forgets on power loss for the length of the block."""
    place = postgres.prepare(folder, None, durable=False)
    power = Power(place, postgres.launch, postgres.wait_until_ready, signal.SIGINT)
    try:
        postgres.create_database(place, postgres.OWNER)
        yield power
    finally:
        power.off()
        leave(place.sockets)


@contextmanager
def valkey_power(folder: Path) -> Iterator[Power[valkey.Place]]:
    """Run a Redis-protocol server that keeps nothing for the length of the block."""
    place = valkey.prepare(folder, durable=False)
    power = Power(place, valkey.launch, valkey.wait_until_ready, signal.SIGTERM)
    try:
        yield power
    finally:
        power.off()
        leave(place.socket.parent)
