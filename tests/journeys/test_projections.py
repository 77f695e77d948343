"""Read models made again over HTTP, while everybody goes on reading (P-1, AC-96)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected

from projections.catalogue import ALL
from tests.journeys.people import Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of

REBUILD = "/api/projections/{}/rebuild"


def test_an_administrator_has_a_read_model_made_again(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    asks = [town.admin.asks("POST", REBUILD.format("accounts")) for _ in range(4)]
    answers = town.door.race(asks)
    made = [answer for answer in answers if answer.status_code == 202]
    assert {reason_of(each) for each in answers if each not in made} <= {"rebuild_in_progress"}
    assert made
    job = made[0].json()["data"]
    assert (job["actor"], job["subject_id"]) == ("rebuild_projection", "accounts")
    assert (job["subject_type"], job["state"]) == ("projection", "available")

    def done() -> Any:
        assert customer.balance(account) == "1000.00", "reads go on"
        found = town.support.get(f"/api/jobs/{job['id']}")
        return found["state"] == "completed" and found

    assert eventually(done, "the job is done")["correlation_id"] == job["correlation_id"]
    found = {each["name"]: each for each in town.support.get("/api/projections")}
    assert found["accounts"]["status"] in {"running", "rebuilding"}
    [told] = [
        each for each in town.auditor.get("/api/audit/log?action=ProjectionRebuilt")
        if each["correlation_id"] == job["correlation_id"]
    ]  # fmt: skip
    assert told["details"]["projections"] == ["accounts"]
    assert system.ledgerbank("projections", "verify", "accounts").code == 0
    metrics = town.door.clients[0].get("/api/metrics").text
    assert 'ledgerbank_projection_drift_rows{projection="accounts"} 0.0' in metrics


def test_health_shows_what_the_doctor_finds(town: Town) -> None:
    told = town.door.clients[0].get("/api/health/detailed").json()["doctor"]
    assert {"log", "projections", "durability", "disk", "backups"} <= told["checks"].keys()
    assert told["checks"]["log"] == "ok"
    assert told["status"] in {"ok", "warning", "error"}


def test_only_what_there_is_and_only_by_administrators(town: Town) -> None:
    assert reason_of(town.admin.ask("POST", REBUILD.format("nothing"))) == "projection_not_found"
    for person in (town.support, town.auditor):
        answer = person.ask("POST", REBUILD.format("users"))
        assert reason_of(answer) == "insufficient_permissions"


class Seen(msgspec.Struct):
    """What somebody saw who paid and looked, over and over, at one server and at the other."""

    turns: int = 0
    wrong: list[str] = []


@contextmanager
def paying(customer: Person, source: str, destination: str) -> Iterator[Seen]:
    """Move 0.01 and look at what is left, again and again for the length of the block."""
    seen, stopped = Seen(), Event()

    def go_on() -> None:
        while not stopped.wait(0.1):
            seen.turns += 1
            server, left = seen.turns % 2, f"{1_000 - seen.turns / 100:.2f}"
            moved = customer.door.send(customer.transfer(source, destination, "0.01"), server)
            read = customer.ask("GET", f"/api/accounts/{source}/balance", server=1 - server)
            if (moved.status_code, read.status_code) != (201, 200):
                seen.wrong.append(f"{moved.text} {read.text}")
            elif read.json()["data"]["balance"] != left:
                seen.wrong.append(f"{read.text} instead of {left}")

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield seen
    finally:
        stopped.set()
        thread.join()


def answers(town: Town, customer: Person, account: str) -> dict[str, Any]:
    """Return what is answered from every read model that anybody may ask."""
    of_theirs = (
        "accounts", f"accounts/{account}", "profile", "payments",
        f"transactions?account_id={account}", f"transfers?account_id={account}",
        "users/me/sessions", f"accounts/{account}/events",
    )  # fmt: skip
    of_the_house = (
        "ledger/trial-balance", "users", "audit/log?action=LoginSucceeded", "service-accounts",
        "banks", "postings", "ledger/periods", "webhook-endpoints", "reconciliation/discrepancies",
    )  # fmt: skip
    asked = [(customer, each) for each in of_theirs] + [(town.admin, each) for each in of_the_house]
    told = {}
    for person, path in asked:
        answer = person.ask("GET", f"/api/{path}")
        told[path] = (answer.status_code, answer.json().get("data"))
    return told


def test_every_read_model_is_made_again_under_load(
    system: System, town: Town, customer: Person
) -> None:
    source, destination = town.account(customer), town.account(customer, None)
    customer.payment(source)
    with paying(customer, source, destination) as seen:
        rebuilt = system.ledgerbank("projections", "rebuild", "--all")
    assert rebuilt.code == 0, f"every copy equals what was live: {rebuilt}"
    assert seen.wrong == []
    assert seen.turns > 10
    is_restored_from_the_log(system, town, customer, source)


def is_restored_from_the_log(system: System, town: Town, customer: Person, account: str) -> None:
    """Lose all read models; see that the log alone brings every answer back."""
    before = answers(town, customer, account)
    assert sum(status == 200 for status, _ in before.values()) >= 14, before
    eventually(lambda: emptied(system), "the read models are emptied")
    lost = answers(town, customer, account)
    assert sum(lost[path] != before[path] for path in before) > 8
    assert system.ledgerbank("projections", "verify", "banks").code == 1
    [(rows,)] = system.rows(DRIFT)
    assert rows > 0
    drift = f'ledgerbank_projection_drift_rows{{projection="banks"}} {rows:.1f}'
    server = town.door.clients[0]
    eventually(lambda: drift in server.get("/api/metrics").text, "the metric tells of it")
    rebuilt = system.ledgerbank("projections", "rebuild", "--all", "--repair")
    assert rebuilt.code == 0, rebuilt
    assert answers(town, customer, account) == before


def emptied(system: System) -> bool:
    """Empty every table that is read; say whether nobody was in the way."""
    tables = [sql.Identifier("read", each.name) for every in ALL for each in every.tables]
    with suppress(DeadlockDetected), psycopg.connect(system.environment["DATABASE_URL"]) as owner:
        owner.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))
        return True
    return False


DRIFT = "SELECT drift_rows FROM read.checkpoints WHERE projection = 'banks'"
