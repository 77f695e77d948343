"""Worker processes as operators meet them: killed, paused, stopped, and their broker wiped."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.identity import derived_id
from ops.embedded.valkey import prepare
from ops.embedded.valkey import valkey as valkey_server
from tests.workers.log import names, processing_payment
from workers.broker import Broker
from workers.crashpoints import POINTS
from workers.jobs import job_id

COMPLETED = [
    "PaymentCreated",
    "PaymentProcessingStarted",
    "PaymentSubmitted",
    "PaymentCompleted",
]
REACHED_BY_SUCCESS = [point for point in POINTS if point != "after_payment_failed"]


class House:
    """A database, a broker and the worker processes started on them."""

    def __init__(self, dsn: str, redis: str, folder: Path) -> None:
        self.dsn, self.redis, self.folder = dsn, redis, folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def worker(
        self, crash_at: str | None = None, queues: dict[str, int] | None = None
    ) -> subprocess.Popen[bytes]:
        settings = {
            "dsn": self.dsn,
            "redis": self.redis,
            "folder": str(self.folder),
            "crash_at": crash_at,
            "queues": queues,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.workers.process", json.dumps(settings)]
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def hang(self) -> None:
        (self.folder / "hang").touch()

    def go_on(self) -> None:
        (self.folder / "hang").unlink()

    def submissions(self, payment_id: str) -> int:
        return len(list(self.folder.glob(f"{payment_id}.*")))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def job(self, payment_id: str) -> tuple[Any, ...] | None:
        """Return state, attempt and deaths of a payment's job."""
        rows = self.rows(JOB, job_id("process_payment", payment_id))
        return rows[0] if rows else None

    def is_over(self, payment_id: str) -> bool:
        job = self.job(payment_id)
        return job is not None and job[0] == "completed"

    def booked_once(self, payment_id: str) -> None:
        assert names(self.dsn, f"payment-{payment_id}") == COMPLETED
        posting = f"posting-{derived_id('posting', payment_id)}"
        assert names(self.dsn, posting) == ["PostingBooked"]


@pytest.fixture
def house(database: str, valkey: str, broker: Broker, tmp_path: Path) -> Iterator[House]:
    assert broker.client.ping()
    house = House(database, valkey, tmp_path)
    yield house
    house.close()


def eventually(question: Callable[[], object], seconds: int = 30) -> None:
    """Wait until `question` is answered by something true."""
    until = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.02)


def test_a_started_payment_is_completed(house: House) -> None:
    house.worker()
    payments = [processing_payment(house.dsn) for _ in range(20)]
    for payment_id in payments:
        eventually(partial(house.is_over, payment_id))
        house.booked_once(payment_id)


def test_a_killed_workers_job_is_completed_by_another_in_the_same_attempt(house: House) -> None:
    house.hang()
    first, payment_id = house.worker(), processing_payment(house.dsn, rail="outside")
    eventually(lambda: house.submissions(payment_id))
    second = house.worker()
    first.kill()
    first.wait()
    house.go_on()
    eventually(lambda: house.is_over(payment_id))
    assert house.job(payment_id) == ("completed", 1, 1)
    assert second.poll() is None
    house.booked_once(payment_id)


@pytest.mark.parametrize("crash_at", REACHED_BY_SUCCESS)
def test_kill_9_at_any_step_leaves_the_same_books(house: House, crash_at: str) -> None:
    dying, payment_id = house.worker(crash_at), processing_payment(house.dsn)
    assert dying.wait(timeout=30) == -signal.SIGKILL
    house.worker()
    eventually(lambda: house.is_over(payment_id))
    job = house.job(payment_id)
    assert job is not None
    assert job[1] == 1
    house.booked_once(payment_id)


def test_a_job_that_kills_every_worker_becomes_a_dead_letter(house: House) -> None:
    payment_id = processing_payment(house.dsn)
    for _ in range(3):
        assert house.worker("after_submission_recorded").wait(timeout=30) == -signal.SIGKILL
    house.worker()
    eventually(lambda: house.job(payment_id) == ("discarded", 1, 3))
    assert house.rows("SELECT reason, status FROM work.dead_letters") == [
        ("internal_server_error", "OPEN")
    ]


def test_a_stopped_worker_hands_back_what_it_cannot_finish(house: House) -> None:
    house.hang()
    first, payment_id = house.worker(), processing_payment(house.dsn, rail="outside")
    eventually(lambda: house.submissions(payment_id))
    first.terminate()
    assert first.wait(timeout=10) == 0
    assert house.job(payment_id) == ("available", 1, 0)
    house.go_on()
    house.worker()
    eventually(lambda: house.is_over(payment_id))
    assert house.job(payment_id) == ("completed", 1, 0)
    house.booked_once(payment_id)


def test_an_idle_worker_stops_within_seconds(house: House) -> None:
    worker = house.worker()
    eventually(lambda: house.rows("SELECT FROM work.relay WHERE token > 0"))
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
    assert house.rows("SELECT FROM work.relay WHERE lease_until <= now()")


def test_a_flushed_redis_under_load_loses_no_payment(house: House, broker: Broker) -> None:
    house.hang()
    house.worker()
    payments = [processing_payment(house.dsn, rail="outside") for _ in range(30)]
    eventually(lambda: broker.client.llen(f"{broker.namespace}:payments"))
    broker.client.flushall()
    house.go_on()
    for payment_id in payments:
        eventually(partial(house.is_over, payment_id))
        house.booked_once(payment_id)


def test_payments_started_while_redis_is_away_are_completed_when_it_is_back(
    database: str, server_dir: Path, tmp_path: Path
) -> None:
    folder = server_dir / "late"
    house = House(database, prepare(folder).url, tmp_path)
    try:
        house.worker()
        payment_id = processing_payment(database)
        eventually(lambda: house.job(payment_id) == ("available", 0, 0))
        with valkey_server(folder, durable=False):
            eventually(lambda: house.is_over(payment_id))
            house.booked_once(payment_id)
    finally:
        house.close()


def test_a_process_may_work_on_some_queues_only(house: House) -> None:
    """It still relays and dispatches for all of them; another one works on the rest."""
    house.worker(queues={"default": 1})
    eventually(lambda: house.rows("SELECT FROM work.relay WHERE token > 0"))
    payment_id = processing_payment(house.dsn)
    eventually(lambda: house.rows("SELECT FROM work.jobs WHERE dispatched_at IS NOT NULL"))
    assert house.job(payment_id) == ("available", 0, 0)
    house.worker()
    eventually(lambda: house.is_over(payment_id))


def test_a_paused_process_neither_blocks_nor_repeats_the_work(house: House) -> None:
    first = house.worker()
    eventually(lambda: house.rows("SELECT FROM work.relay WHERE token > 0"))
    first.send_signal(signal.SIGSTOP)
    house.worker()
    payments = [processing_payment(house.dsn) for _ in range(5)]
    for payment_id in payments:
        eventually(partial(house.is_over, payment_id))
    first.send_signal(signal.SIGCONT)
    payments.append(processing_payment(house.dsn))
    eventually(lambda: house.is_over(payments[-1]))
    for payment_id in payments:
        house.booked_once(payment_id)
    assert house.rows("SELECT count(*) FROM work.jobs") == [(len(payments),)]


def test_killed_connections_are_survived(house: House) -> None:
    house.worker()
    eventually(lambda: house.rows("SELECT FROM work.relay WHERE token > 0"))
    for _ in range(3):
        house.rows(KILL_ALL)
        payment_id = processing_payment(house.dsn)
        eventually(partial(house.is_over, payment_id))
        house.booked_once(payment_id)


JOB = "SELECT state, attempt, deaths FROM work.jobs WHERE id = %s"
KILL_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
