"""`ledgerbank up --demo` as somebody meets it who has nothing but this program (AC-1, 4)."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from ledger.identity import new_id
from ops.demo import ALICE, AUDITOR, BOB, PEOPLE
from tests.journeys.people import Ask, Door, Person
from tests.journeys.system import (
    DEADLINE_SECONDS,
    FREE_PORTS,
    System,
    eventually,
    ledgerbank,
    ready,
)

pytestmark = pytest.mark.timeout(400)
MISCONFIGURED = 3
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "PORT")


class Started:
    """One `ledgerbank up --demo`, with the processes it is made of."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", folder.with_suffix(".log")
        environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        environment["RATE_LIMIT_REQUESTS"] = "1000"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops", "up", "--demo", "--port", str(port),
                 "--data-dir", str(folder)],
                env=environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def until_up(self) -> None:
        def is_up() -> bool:
            assert self.process.poll() is None, self.said()
            return "LedgerBank is up" in self.said() and ready(self.url)

        eventually(is_up, "it is up", self.said, 2 * DEADLINE_SECONDS)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def started(folder: Path, port: int) -> Iterator[Started]:
    """Start, and stop as Ctrl-C does; nothing is left running."""
    running = Started(folder, port)
    family: list[psutil.Process] = []
    try:
        running.until_up()
        yield running
        if running.process.poll() is not None:
            return
        family = running.family()
        assert len(family) >= 5, family
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(DEADLINE_SECONDS) == 0, running.said()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == [], running.said()
        assert not ready(running.url)
    finally:
        if running.process.poll() is None:
            family = running.family()
            running.process.kill()
            running.process.wait()
        for child in family:
            if child.is_running():
                child.kill()


@pytest.fixture(scope="module")
def folder(server_dir: Path) -> Path:
    return server_dir / "demo"


def answers_of(url: str) -> Iterator[tuple[Ask, httpx2.Response]]:
    """Ask every route of the OpenAPI document, with ids that are there or are none."""
    door = Door([url])
    try:
        auditor = Person(door, AUDITOR.email, AUDITOR.password)
        alice = Person(door, ALICE.email, ALICE.password)
        document = door.ask("GET", "/api/docs/openapi.json").json()
        for path, operations in document["paths"].items():
            filled = path.format(**places_of(alice, path)) if "{" in path else path
            for method in operations:
                person = auditor if method == "get" else alice
                if path.endswith("logout-all"):
                    person = Person(door, BOB.email, BOB.password)
                ask = person.asks(method.upper(), filled, {} if method == "post" else None)
                if path == ENDLESS:
                    with door.clients[0].stream(**ask.content()) as answer:
                        yield ask, answer
                else:
                    yield ask, door.send(ask)
    finally:
        door.close()


ENDLESS = "/api/stream"
PLACES = {
    "reason": "missing_fields",
    "category": "validation",
    "position": "1",
    "period": "2025-03",
    "name": "accounts",
    "provider": "payments",
    "correlation_id": "req_nobody_ever_sent_this_one",
    "key": "nobody-ever-used-this-one",
}


def places_of(person: Person, path: str) -> dict[str, str]:
    """Return what stands in the places of a path."""
    listed = person.ask("GET", path.partition("/{")[0])
    rows = listed.json()["data"] if listed.is_success else []
    known = isinstance(rows, list) and rows and "id" in rows[0]
    return PLACES | {"id": rows[0]["id"] if known else new_id()}


def test_up_serves_every_route_and_stops_without_a_trace(folder: Path) -> None:
    port = next(FREE_PORTS)
    with started(folder, port) as running:
        for person in PEOPLE:
            assert person.email in running.said()
        the_bank_knows_everybody(running.url)
        moved = move_something(running.url)
        asked = 0
        for ask, answer in answers_of(running.url):
            there = answer.status_code not in {405, 500}
            assert there, (ask, answer.text)
            if answer.status_code == 404:
                assert "path" not in answer.json()["details"], ask
            asked += 1
        assert asked > 30
        second = Started(folder, next(FREE_PORTS))
        assert second.process.wait(DEADLINE_SECONDS) == MISCONFIGURED, second.said()
        assert re.search(r"already running .*process \d+", second.said())
        assert running.process.poll() is None
        assert ready(running.url)
        assert "job.broke" not in running.said()
    with started(folder, port) as running:
        assert status_of(running.url, moved) == "COMPLETED"
        kill_the_whole_house(running)
    with started(folder, port) as running:
        assert status_of(running.url, moved) == "COMPLETED"


def kill_the_whole_house(running: Started) -> None:
    """Kill the parent of all; its children end with it."""
    family = running.family()
    running.process.kill()
    running.process.wait()
    _, alive = psutil.wait_procs(family, timeout=DEADLINE_SECONDS)
    assert alive == []


def status_of(url: str, payment: str) -> str:
    """Return what has become of a payment of Alice's."""
    door = Door([url])
    try:
        alice = Person(door, ALICE.email, ALICE.password)
        return str(alice.get(f"/api/payments/{payment}")["status"])
    finally:
        door.close()


def the_bank_knows_everybody(url: str) -> None:
    """Wait for the first syncs: they find nothing that is not known."""
    door = Door([url])
    try:
        for person, balance in ((ALICE, "1500.00"), (BOB, "2500.00")):
            signed_in = Person(door, person.email, person.password)

            def is_read(asking: Person = signed_in) -> bool:
                [connection] = asking.get("/api/bank-connections")
                assert connection["status"] == "ACTIVE", connection
                return connection["last_sync_at"] is not None

            eventually(is_read, "the first sync")
            [account] = signed_in.get("/api/accounts")
            assert (account["balance"], account["held"]) == (balance, "0.00")
        auditor = Person(door, AUDITOR.email, AUDITOR.password)
        assert auditor.get("/api/reconciliation") == []
        listed = auditor.get("/api/ledger/trial-balance")
        books = {each["currency"]: each["rows"] for each in listed}
        for currency, code, owed in (
            ("USD", "clearing:DEMO_BANK_US:USD", "-54.50"),
            ("GBP", "clearing:TEST_BANK_UK:GBP", "-1640.00"),
        ):
            assert {each["code"]: each["balance"] for each in books[currency]}[code] == owed
    finally:
        door.close()


def move_something(url: str) -> str:
    """Let Alice pay something; return the payment's id."""
    door = Door([url])
    try:
        alice = Person(door, ALICE.email, ALICE.password)
        account = alice.get("/api/accounts")[0]["id"]
        payment = str(alice.payment(account, "1.00")["id"])
        path = f"/api/payments/{payment}/process"
        answer = alice.ask("POST", path, prefer="wait=30")
        assert answer.json()["data"]["status"] == "COMPLETED", answer.text
        return payment
    finally:
        door.close()


def test_the_demo_is_made_once(database: str, valkey: str, server_dir: Path) -> None:
    environment = {
        "LEDGERBANK_ENV": "test",
        "DATABASE_URL": database,
        "REDIS_URL": valkey,
        "DATA_DIR": str(server_dir / "twice"),
    }

    def events() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ledgerbank(
            environment, "--json", "events", "list", "--limit", "1000"
        ).json()
        return found

    assert ledgerbank(environment, "--json", "seed-demo").json()["commands"] > 0
    first = events()
    assert ledgerbank(environment, "--json", "seed-demo").json() == {"commands": 0}
    assert events() == first
    assert len([event for event in first if event["type"] == "UserRegistered"]) == len(PEOPLE)
    assert len([event for event in first if event["type"] == "BankRegistered"]) == 2


def test_the_tour_finds_everything_as_it_should_be(system: System) -> None:
    told = system.ledgerbank("--json", "tour", "--url", system.urls[1]).json()
    assert told["wrong"] == []
    assert told["steps"] > 20


def test_the_demo_is_what_was_promised(door: Door) -> None:
    for person in PEOPLE:
        signed_in = Person(door, person.email, person.password)
        profile = signed_in.get("/api/profile", server=1)
        assert (profile["full_name"], profile["role"]) == (person.full_name, person.role)
        assert profile["status"] == "ACTIVE"
    expected = {ALICE: ("Alice Checking", "USD", "1500.00", "1234"),
                BOB: ("Bob Savings", "GBP", "2500.00", "5678")}  # fmt: skip
    for person, facts in expected.items():
        signed_in = Person(door, person.email, person.password)
        [account] = signed_in.get("/api/accounts", server=1)
        found = (account["account_name"], account["currency"], account["balance"])
        assert (*found, account["last_four"]) == facts
        assert account["held"] == "0.00"
    auditor = Person(door, AUDITOR.email, AUDITOR.password)
    assert {each["currency"] for each in auditor.get("/api/ledger/trial-balance")} >= {"USD", "GBP"}
