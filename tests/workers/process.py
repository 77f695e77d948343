"""A worker process of its own, to be killed, paused and stopped by tests.

Payments on rail `outside` leave a file per submission in a folder; a file named `hang` there makes
the next submission hang until it is gone.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

from typing_extensions import override

from schema.codec import decode_envelope
from schema.postgres import connect
from tests.workers.ledger_of_tests import LogBooks
from workers.broker import build_broker
from workers.crashpoints import deadly, harmless
from workers.database import open_pool
from workers.payment_steps import PaymentSteps
from workers.payments import PAYMENTS
from workers.rails.book import BookRail
from workers.rails.rail import (
    Answer,
    Order,
    Rail,
    Settled,
    Standing,
    Unknown,
    Withdrawal,
    Withdrawn,
)
from workers.run import QUEUES, Parts, run


class FolderRail(Rail):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @override
    def submit(self, order: Order) -> Answer:
        (self.folder / f"{order.payment_id}.{os.getpid()}").touch()
        while (self.folder / "hang").exists():
            time.sleep(0.02)
        return Settled(f"outside-{order.payment_id}")

    @override
    def state_of(self, payment_id: str) -> Standing:
        return Unknown()

    @override
    def withdraw(self, payment_id: str) -> Withdrawal:
        return Withdrawn()


def main(settings: dict[str, Any]) -> None:
    dsn, stop = settings["dsn"], Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    books, outside = LogBooks(dsn), FolderRail(Path(settings["folder"]))
    steps = PaymentSteps(books, {"book": BookRail(), "outside": outside})
    with open_pool(dsn, 6) as pool:
        parts = Parts(
            pool=pool,
            connect=lambda: connect(dsn, "ledgerbank_app"),
            broker=build_broker(settings["redis"]),
            actors=steps.actors(),
            managers=[PAYMENTS],
            decode=decode_envelope,
            chance=lambda _below: 0,
            holder=f"pid {os.getpid()}",
            queues=settings["queues"] or QUEUES,
            crashpoint=deadly(settings["crash_at"]) if settings["crash_at"] else harmless,
            lease_seconds=1,
            relay_lease_seconds=1,
            sweep_seconds=1,
            stop_seconds=1,
        )
        run(parts, stop)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
