"""What everything stands on goes away and comes back, and nobody has to be restarted (AC-5)."""

import time
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx2
import msgspec
import pytest

from ledger.identity import new_id
from ops.embedded.postgres import Place as PostgresPlace
from ops.embedded.valkey import Place as ValkeyPlace
from tests.journeys.people import Ask, Person, Town, payment_body
from tests.journeys.system import NAMES, System, eventually
from tests.journeys.wire import reason_of
from tests.power import Power

pytestmark = pytest.mark.timeout(300)
RECOVERED_SECONDS = 5.0
AWAY = {"service_unavailable", "database_error"}


def pids(system: System) -> dict[str, int]:
    return {name: system.running(name).pid for name in NAMES}


def probe(system: System, name: str, server: int = 0) -> httpx2.Response:
    return httpx2.get(f"{system.urls[server]}/api/health/{name}", timeout=10)


def lines_since(system: System, written: int) -> list[dict[str, Any]]:
    """Return what all processes said since the log had so many bytes; each line is JSON."""
    said = system.log.read_bytes()[written:].decode(errors="replace").splitlines()
    named = [line.partition(" | ") for line in said if line.split(" ", 1)[0] in NAMES]
    return [msgspec.json.decode(told) for _, _, told in named]


def test_without_a_database_the_servers_say_so_and_recover(
    system: System, postgres_switch: Power[PostgresPlace], town: Town, customer: Person
) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    key = new_id()
    move = customer.transfer(source, destination, "5.00", idempotency_key=key)
    look = customer.asks("GET", f"/api/accounts/{source}")
    sign_in = Ask(
        method="POST",
        path="/api/auth/login",
        body={"email": customer.email, "password": customer.password},
    )
    before, written = pids(system), system.log.stat().st_size
    with postgres_switch.cut():
        for server in (0, 1):
            assert probe(system, "live", server).status_code == 200
            ready = probe(system, "ready", server)
            assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
            assert ready.json()["checks"]["database"] == "error"
        answers = town.door.race([move, look, sign_in] * 4)
        assert {answer.status_code for answer in answers} <= {500, 503}
        assert {reason_of(answer) for answer in answers} <= AWAY
    began = time.monotonic()
    system.until_ready()
    assert time.monotonic() - began < RECOVERED_SECONDS
    moved = town.door.send(move)
    assert moved.status_code == 201, moved.text
    for server in (0, 1):
        assert town.door.send(move, server).content == moved.content
        eventually(lambda: is_shown(town, look, "995.00"), "the read models follow", system.said)
    payment = customer.payment(source, "1.00")["id"]
    done = customer.ask("POST", f"/api/payments/{payment}/process", prefer="wait=30")
    assert done.json()["data"]["status"] == "COMPLETED", done.text
    assert pids(system) == before
    town.books_balance()
    said = Counter(each["message"] for each in lines_since(system, written))
    assert 2 <= said["database.unavailable"] <= 6
    assert said["checkpoints.disconnected"] <= 2
    assert "http.failed" not in said


def is_shown(town: Town, look: Ask, balance: str) -> bool:
    answer = town.door.send(look, server=1)
    return answer.is_success and Decimal(answer.json()["data"]["balance"]) == Decimal(balance)


def test_without_a_broker_commands_work_and_jobs_wait(
    system: System, broker_switch: Power[ValkeyPlace], town: Town, customer: Person
) -> None:
    account, other = town.account(customer), town.account(customer, None)
    before = pids(system)
    with broker_switch.cut():
        moved = town.door.send(customer.transfer(account, other, "5.00"))
        assert moved.status_code == 201
        payments = [customer.made("/api/payments", payment_body(account, "1.00"), server=n % 2)
                    for n in range(4)]  # fmt: skip
        for payment in payments:
            customer.made(f"/api/payments/{payment['id']}/process")
        for server in (0, 1):
            assert probe(system, "ready", server).status_code == 200
            detailed = probe(system, "detailed", server)
            assert (detailed.status_code, detailed.json()["status"]) == (503, "degraded")
            assert detailed.json()["checks"]["broker"] == "error"
            assert detailed.json()["checks"]["database"] == "ok"
        states = {customer.get(f"/api/payments/{each['id']}")["status"] for each in payments}
        assert states == {"PROCESSING"}

    def all_done() -> bool:
        paths = [f"/api/payments/{each['id']}" for each in payments]
        return {customer.get(path)["status"] for path in paths} == {"COMPLETED"}

    eventually(all_done, "the jobs run", system.said)
    eventually(
        lambda: probe(system, "detailed").json()["checks"]["broker"] == "ok", "all is well again"
    )
    assert customer.balance(account) == "991.00"
    assert pids(system) == before
    town.books_balance()
