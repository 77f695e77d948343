"""The presence: a connection that ends with its process, so that a death is noticed at once.

A lease says how long somebody may be silent; a connection that is gone says that nobody will speak
again. It makes leases shorter for the dead only: whoever stands still keeps both.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from ledger.identity import new_id

SEEN_SECONDS = 2
"""How often a process says that it lives."""
UNSEEN_SECONDS = 8
"""How long a process without its connection may still come back with another one."""


class Presence:
    """Says of this process that it lives; `holder` is a name that no other process ever bears."""

    def __init__(self, connect: Callable[[], Connection[Any]], name: str) -> None:
        self.connect, self.holder = connect, f"{name} {new_id()}"
        self.connection: Connection[Any] | None = None
        self.stopping = Event()
        self.thread = Thread(target=self.stay, name="presence", daemon=True)

    @contextmanager
    def shown(self) -> Iterator[str]:
        """Be there for the length of the block; give the name to hold things in."""
        self.tell()
        self.thread.start()
        try:
            yield self.holder
        finally:
            self.stopping.set()
            self.thread.join()
            self.close()

    def stay(self) -> None:
        """Say so again and again until stopped."""
        while not self.stopping.wait(SEEN_SECONDS):
            self.tell()

    def tell(self) -> None:
        """Say that this process lives, on another connection when the last one was lost."""
        try:
            if self.connection is None:
                self.connection = self.connect()
                self.connection.execute(FORGET)
            self.connection.execute(HERE, (self.holder,))
        except psycopg.Error as failure:
            structlog.get_logger().warning("presence.lost", failure=str(failure))
            self.close()

    def close(self) -> None:
        """Drop the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


FORGET = b"DELETE FROM work.workers WHERE seen_at < clock_timestamp() - interval '1 day'"

HERE = b"""
INSERT INTO work.workers (holder, backend, seen_at)
VALUES (%s, pg_backend_pid(), clock_timestamp())
ON CONFLICT (holder) DO UPDATE SET backend = excluded.backend, seen_at = excluded.seen_at
"""

GONE = b"""
SELECT holder FROM work.workers
WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = workers.backend)
"""
"""Processes whose connections are gone. A pid that is used again only hides a death for longer."""
