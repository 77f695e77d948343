"""The event-sourcing library as it comes: its PostgreSQL recorder and `Application.save`."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from psycopg.conninfo import conninfo_to_dict

from ops.benches.windows import Window
from schema.postgres import connect

SCHEMA = "stock"


class Note(Aggregate):
    """Something that happens once."""

    def __init__(self, text: str) -> None:
        self.text = text


class StockSaves:
    """The library's application in a schema of its own, used from as many threads as callers."""

    def __init__(self, dsn: str, callers: int) -> None:
        self.callers = callers
        with connect(dsn) as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
        self.application = Application[UUID](env=stock_environment(dsn, callers))
        self.threads = ThreadPoolExecutor(callers)

    def close(self) -> None:
        """Stop the threads and close the library's connections."""
        self.threads.shutdown()
        self.application.close()

    async def measure(self, seconds: float) -> Window:
        """Save aggregates of one event, each caller one after the other; the loop stands still."""
        began, cpu = time.perf_counter(), time.process_time()
        end = began + seconds
        found = [self.threads.submit(self.save_until, end) for _ in range(self.callers)]
        latencies = [each for future in found for each in future.result()]
        spent = time.process_time() - cpu
        return Window(len(latencies), time.perf_counter() - began, spent, latencies)

    def save_until(self, end: float) -> list[float]:
        """Save until time is up; return how long each took."""
        latencies: list[float] = []
        while (began := time.perf_counter()) < end:
            self.application.save(Note("something of the size of a description"))
            latencies.append(time.perf_counter() - began)
        return latencies


def stock_environment(dsn: str, callers: int) -> dict[str, str]:
    """Return the library's own settings for the database at `dsn`."""
    parts = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_SCHEMA": SCHEMA,
        "POSTGRES_POOL_SIZE": str(callers),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_MAX_WAITING": str(callers),
    }
