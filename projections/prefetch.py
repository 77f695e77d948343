"""Prefetch: reads the next pages of the log while the last one is being folded."""

from collections.abc import Collection, Iterator
from queue import Full, Queue
from threading import Event as Signal
from threading import Thread
from typing import Self, TypeAlias

from projections.log import Line, read_page
from schema.postgres import connect

AHEAD = 2
PATIENCE_SECONDS = 0.1
Parcel: TypeAlias = list[Line] | Exception | None


class Prefetch:
    """Iterates over pages from `after` to `end`, read by a thread on a connection of its own."""

    def __init__(
        self, dsn: str, names: Collection[str], after: int, end: int, page_events: int
    ) -> None:
        self.dsn, self.names = dsn, names
        self.after, self.end, self.page_events = after, end, page_events
        self.parcels: Queue[Parcel] = Queue(AHEAD)
        self.abandoned = Signal()
        self.thread = Thread(target=self.read, name="prefetch", daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.abandoned.set()
        self.thread.join()

    def __iter__(self) -> Iterator[list[Line]]:
        while (parcel := self.parcels.get()) is not None:
            if isinstance(parcel, Exception):
                raise parcel
            yield parcel

    def read(self) -> None:
        """Read pages until the end; what goes wrong is raised where they are iterated over."""
        try:
            with connect(self.dsn, "ledgerbank_read", statement_timeout_ms=0) as connection:
                while self.after < self.end and not self.abandoned.is_set():
                    lines = read_page(
                        connection, self.names, self.after, self.page_events, self.end
                    )
                    if not lines:
                        break
                    self.after = lines[-1][0]
                    self.put(lines)
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.put(error)
        else:
            self.put(None)

    def put(self, parcel: Parcel) -> None:
        """Hand over a parcel, unless nobody wants it any more."""
        while not self.abandoned.is_set():
            try:
                return self.parcels.put(parcel, timeout=PATIENCE_SECONDS)
            except Full:
                continue
        return None
