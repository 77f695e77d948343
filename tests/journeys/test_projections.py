"""Read models made again over HTTP, while everybody goes on reading (P-1, AC-96)."""

from typing import Any

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
