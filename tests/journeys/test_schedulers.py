"""Two schedulers: each due payment starts once, and a leader that is killed is replaced (AC-84)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from ledger.times import utc_text
from tests.journeys.people import Person, Town
from tests.journeys.system import System, eventually

TAKE_OVER_SECONDS = 30.0
EACH = 3


@contextmanager
def another_scheduler(system: System) -> Iterator[None]:
    """Run one more scheduler beside that of the deployment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ops", "scheduler"],
        env=os.environ | system.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: len(schedulers(system)) > 1, "both schedulers are there")
        yield
    finally:
        process.kill()
        process.wait()


def schedulers(system: System) -> set[str]:
    """Return who is there and relays nothing, works on nothing: leader and successor."""
    return {holder for (holder,) in system.rows(PRESENT) if pid_of(holder) not in workers(system)}


def workers(system: System) -> set[int]:
    return {system.running(name).pid for name in ("worker-1", "worker-2")}


def pid_of(holder: str) -> int:
    return int(holder.partition(" ")[0].rpartition("/")[2])


def leader(system: System) -> str:
    [(holder,)] = system.rows("SELECT holder FROM work.scheduler")
    return str(holder)


def due_payments(person: Person, account: str) -> list[str]:
    at = utc_text(datetime.now(UTC) + timedelta(seconds=1))
    return [str(person.payment(account, "1.00", scheduled_at=at)["id"]) for _ in range(EACH)]


def all_completed(person: Person, payments: list[str]) -> bool:
    states = {person.get(f"/api/payments/{payment}")["status"] for payment in payments}
    return states == {"COMPLETED"}


def test_two_schedulers_ask_once_and_replace_each_other(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    with another_scheduler(system):
        first = due_payments(customer, account)
        eventually(lambda: all_completed(customer, first), "the payments are done", system.said)
        gone, began = leader(system), time.monotonic()
        os.kill(pid_of(gone), signal.SIGKILL)
        second = due_payments(customer, account)
        eventually(lambda: leader(system) != gone, "another one leads", system.said)
        assert time.monotonic() - began < TAKE_OVER_SECONDS
        eventually(lambda: all_completed(customer, second), "the payments are done", system.said)
    for payment in (*first, *second):
        assert system.rows(STARTS, f"payment-{payment}") == [(1,)]
    assert system.rows(TWICE) == []
    assert customer.balance(account) == f"{1_000 - 2 * EACH}.00"


PRESENT = """
SELECT holder FROM work.workers WHERE backend IN (SELECT pid FROM pg_stat_activity)
"""
STARTS = """
SELECT count(*) FROM log.events WHERE stream_id = %s AND name = 'PaymentProcessingStarted'
"""
TWICE = """
SELECT cause, count(*) FROM work.jobs WHERE subject_type = 'schedule'
GROUP BY actor, cause HAVING count(*) > 1
"""
