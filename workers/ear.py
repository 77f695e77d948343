"""The ear: hears that the log has grown. It only wakes earlier; polling is the truth."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

import psycopg
import structlog
from psycopg import Connection

CHANNEL = "ledger_appended"
DEAF_SECONDS = 1
"""How long to rely on polling alone after the connection was lost."""


class Ear:
    """Waits on a connection of its own, which may be killed at any time."""

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        self.connect = connect
        self.connection: Connection[Any] | None = None
        self.deaf_until = monotonic()

    def wait(self, stop: Event, wait_ms: int) -> None:
        """Return when the log has grown, or after `wait_ms`, or soon after `stop`."""
        if monotonic() < self.deaf_until:
            stop.wait(wait_ms / 1000)
            return
        try:
            for _ in self.listening().notifies(timeout=wait_ms / 1000, stop_after=1):
                pass
        except psycopg.Error as failure:
            structlog.get_logger().warning("relay.deaf", failure=str(failure))
            self.deaf_until = monotonic() + DEAF_SECONDS
            self.close()

    def listening(self) -> Connection[Any]:
        """Return the connection, opened when need be."""
        if self.connection is None:
            self.connection = self.connect()
            self.connection.execute(LISTEN)
        return self.connection

    def close(self) -> None:
        """Drop the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


LISTEN = f"LISTEN {CHANNEL}".encode()
