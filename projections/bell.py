"""Bell: rings when an appender says there is something new; missing a ring costs one poll."""

from threading import Event as Signal
from typing import Any, Self

import psycopg
from psycopg import Connection

from schema.postgres import connect

CHANNEL = "ledger_appended"
BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)


class Bell:
    """Listens on a connection of its own, opened again when it breaks."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Connection[Any] | None = None
        self.silence = Signal()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def wait(self, seconds: float) -> None:
        """Return when it rings, and after `seconds` at the latest."""
        try:
            for _ in self.listening().notifies(timeout=seconds, stop_after=1):
                return
        except BROKEN:
            self.hang_up()
            self.silence.wait(seconds)

    def listening(self) -> Connection[Any]:
        """Return the connection that listens."""
        if self.connection is None:
            self.connection = connect(self.dsn, "ledgerbank_read")
            self.connection.execute(LISTEN)
        return self.connection

    def hang_up(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


LISTEN = f"LISTEN {CHANNEL}"
