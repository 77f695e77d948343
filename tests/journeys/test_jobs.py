"""Background work as people see and steer it (AC-62, 83)."""

from typing import Any

from ledger.identity import new_id
from tests.journeys.people import Person, Town
from tests.journeys.system import System, eventually
from tests.journeys.wire import reason_of


def started(person: Person, account: str) -> tuple[str, str]:
    """Start a payment; return it and its job."""
    payment = person.payment(account)["id"]
    answer = person.ask("POST", f"/api/payments/{payment}/process")
    assert answer.status_code == 202
    return payment, answer.json()["metadata"]["job_id"]


def test_a_job_is_listed_shown_and_open_to_the_owner_of_its_payment(
    town: Town, customer: Person
) -> None:
    payment, job_id = started(customer, town.account(customer))

    def done() -> Any:
        job = customer.get(f"/api/jobs/{job_id}", server=1)
        return job if job["state"] == "completed" else None

    job = eventually(done, "the job is done")
    assert (job["actor"], job["subject_id"], job["attempt"]) == ("process_payment", payment, 1)
    listed = town.auditor.get(f"/api/jobs?subject_id={payment}&state=completed", server=1)
    assert [each["id"] for each in listed] == [job_id]
    assert listed[0] == job
    stranger = town.customer().ask("GET", f"/api/jobs/{job_id}")
    assert reason_of(stranger) == "insufficient_permissions"
    assert reason_of(town.support.ask("GET", f"/api/jobs/{new_id()}")) == "job_not_found"
    assert reason_of(town.support.ask("GET", "/api/jobs?state=asleep")) == "invalid_status"
    late = town.support.ask("DELETE", f"/api/jobs/{job_id}")
    assert reason_of(late) == "job_not_cancellable"


def test_the_story_of_a_request_is_told_to_its_end(
    system: System, town: Town, customer: Person
) -> None:
    payment, correlation_id = customer.payment(town.account(customer))["id"], f"story-{new_id()}"
    start = f"/api/payments/{payment}/process"
    asked = customer.ask("POST", start, x_correlation_id=correlation_id, prefer="wait=30")
    assert asked.status_code == 200
    path = f"/api/trace/{correlation_id}"
    eventually(lambda: town.support.get(path)["settled"], "the story is settled")
    told = town.support.get(path, server=1)
    steps = [[event["type"] for event in step["events"]] for step in told["commands"]]
    assert [step[-1] for step in steps] == [
        "PaymentProcessingStarted",
        "PaymentSubmitted",
        "PaymentCompleted",
    ]
    [job] = told["jobs"]
    started_event = told["commands"][0]["events"][-1]
    assert (job["causation_id"], job["subject_id"]) == (started_event["id"], payment)
    assert [(each["attempt"], each["outcome"]) for each in job["attempts"]] == [(1, "completed")]
    assert {step["causation_id"] for step in told["commands"][1:]} == {started_event["id"]}
    assert (told["whole"], told["dead_letters"]) == (True, [])
    printed = system.ledgerbank("events", "trace", correlation_id)
    assert printed.code == 0, printed
    assert "attempt 1" in printed.output
    nothing = town.support.ask("GET", f"/api/trace/{new_id()}")
    assert reason_of(nothing) == "event_not_found"


def test_a_job_nobody_works_on_can_be_called_off(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer)
    payment = customer.payment(account, "10.00")["id"]
    [(job_id,)] = system.rows(TOMORROW, payment, f"process_payment/{payment}")
    assert customer.ask("POST", f"/api/payments/{payment}/process").status_code == 202
    assert customer.get(f"/api/accounts/{account}")["held"] == "10.00"
    denied = customer.ask("DELETE", f"/api/jobs/{job_id}")
    assert reason_of(denied) == "insufficient_permissions"
    key = new_id()
    first = town.support.ask("DELETE", f"/api/jobs/{job_id}", idempotency_key=key)
    assert (first.status_code, first.json()["data"]["state"]) == (200, "cancelled")
    again = town.support.ask("DELETE", f"/api/jobs/{job_id}", server=1, idempotency_key=key)
    assert (again.headers["idempotent-replayed"], again.content) == ("true", first.content)
    late = town.support.ask("DELETE", f"/api/jobs/{job_id}")
    assert reason_of(late) == "job_not_cancellable"
    told = customer.get(f"/api/payments/{payment}")
    assert (told["status"], told["failure_reason"]) == ("FAILED", "processing_cancelled")
    found = customer.get(f"/api/accounts/{account}")
    assert (found["balance"], found["held"]) == ("1000.00", "0.00")
    entries = town.auditor.get(f"/api/audit/log?action=AdminActionPerformed&subject_id={job_id}")
    assert [(each["details"]["command"], each["outcome"]) for each in entries] == [
        ("CancelJob", "failure"),
        ("CancelJob", "success"),
    ]
    assert customer.get(f"/api/jobs/{job_id}")["state"] == "cancelled"


def test_a_job_somebody_works_on_cannot_be_called_off(
    system: System, town: Town, customer: Person
) -> None:
    payment = customer.payment(town.account(customer))["id"]
    [(job_id,)] = system.rows(UNDER_WAY, payment)
    try:
        refused = town.support.ask("DELETE", f"/api/jobs/{job_id}")
        assert (refused.status_code, reason_of(refused)) == (409, "job_not_cancellable")
        assert customer.get(f"/api/jobs/{job_id}")["state"] == "executing"
    finally:
        system.rows("DELETE FROM work.jobs WHERE id = %s RETURNING id", job_id)


def test_a_dead_job_is_asked_for_again_once(system: System, town: Town, customer: Person) -> None:
    """The work of the new job is done already: it finds nothing left to do."""
    payment, job_id = started(customer, town.account(customer))
    eventually(lambda: customer.get(f"/api/jobs/{job_id}")["state"] == "completed", "it is done")
    [(letter,)] = system.rows(DEAD, job_id)
    key = new_id()
    path = f"/api/jobs/dead/{letter}/retry"
    first = town.support.ask("POST", path, idempotency_key=key)
    assert first.status_code == 202, first.text
    told = first.json()["data"]
    assert (told["dead_letter"]["id"], told["dead_letter"]["status"]) == (letter, "RETRIED")
    again = told["job"]
    assert (again["subject_id"], again["state"]) == (payment, "available")
    assert again["id"] == told["dead_letter"]["retried_job_id"] != job_id
    replayed = town.support.ask("POST", path, server=1, idempotency_key=key)
    assert (replayed.headers["idempotent-replayed"], replayed.content) == ("true", first.content)
    assert reason_of(town.admin.ask("POST", path)) == "already_processed"

    def done() -> bool:
        return bool(customer.get(f"/api/jobs/{again['id']}")["state"] == "completed")

    eventually(done, "the new job is done")
    metrics = town.door.clients[0].get("/api/metrics").text
    for series in ("queue_jobs", "dead_letters", "outbox_rows", "projection_lag_events"):
        assert f"# TYPE ledgerbank_{series} gauge" in metrics
    assert 'ledgerbank_projection_lag_events{projection="payments"}' in metrics
    assert counted(town, "process_payment", "completed") > 0
    [kept] = town.auditor.get("/api/jobs/dead?actor=process_payment&status=RETRIED&limit=1")
    assert kept == told["dead_letter"]


def counted(town: Town, actor: str, outcome: str) -> int:
    """Wait until attempts of an actor are counted; return how many, the same at both servers."""

    def found() -> int:
        names = [f'actor="{actor}",outcome="{outcome}"', f'actor="{actor}"']
        told = [client.get("/api/metrics").text for client in town.door.clients]
        numbers = [
            (value(each, f"ledgerbank_jobs_total{{{names[0]}}}"),
             value(each, f"ledgerbank_job_duration_seconds_count{{{names[1]}}}"),
             value(each, f'ledgerbank_job_duration_seconds_bucket{{{names[1]},le="+Inf"}}'))
            for each in told
        ]  # fmt: skip
        same = len({(all_of_them, buckets) for _, all_of_them, buckets in numbers}) == 1
        return numbers[0][0] if same and numbers[0][1] == numbers[0][2] else 0

    return int(eventually(found, "attempts are counted"))


def value(metrics: str, series: str) -> int:
    """Return the figure of a series; 0 while there is none."""
    lines = [each for each in metrics.splitlines() if each.startswith(f"{series} ")]
    return round(float(lines[0].split()[-1])) if lines else 0


def test_a_background_refusal_is_a_dead_letter_and_takes_a_new_payment(
    system: System, town: Town, customer: Person
) -> None:
    account = town.account(customer, "5.00")
    payment = customer.payment(account, "10.00", processing="auto")["id"]

    def failed() -> bool:
        return bool(customer.get(f"/api/payments/{payment}")["status"] == "FAILED")

    eventually(failed, "the payment fails")
    assert customer.get(f"/api/payments/{payment}")["failure_reason"] == "insufficient_funds"
    assert customer.get(f"/api/accounts/{account}")["held"] == "0.00"

    def letters() -> list[Any]:
        dead = town.support.get("/api/jobs/dead?actor=start_payment&status=open", server=1)
        return [each for each in dead if each["subject_id"] == payment]

    [letter] = eventually(letters, "there is a dead letter")
    assert (letter["reason"], letter["attempts"]) == ("insufficient_funds", 1)
    assert counted(town, "start_payment", "discarded") > 0
    refused = town.support.ask("POST", f"/api/jobs/dead/{letter['id']}/retry")
    assert reason_of(refused) == "already_processed"
    told = system.ledgerbank("jobs", "retry", "--id", letter["id"])
    assert (told.code, "already_processed" in told.errors) == (1, True)


TOMORROW = """
INSERT INTO work.jobs (
    id, queue, actor, state, priority, max_attempts, subject_type, subject_id, correlation_id,
    cause, unique_key, inserted_at, scheduled_at
) VALUES (
    gen_random_uuid(), 'payments', 'process_payment', 'scheduled', 0, 4, 'payment', %s, 'req_test',
    'test', %s, now(), now() + interval '1 day'
) RETURNING id::text
"""
UNDER_WAY = """
INSERT INTO work.jobs (
    id, queue, actor, state, priority, attempt, max_attempts, subject_type, subject_id,
    correlation_id, cause, inserted_at, scheduled_at, dispatched_at, lease_until, lease_token
) VALUES (
    gen_random_uuid(), 'payments', 'process_payment', 'executing', 0, 1, 4, 'payment', %s,
    'req_test', 'test', now(), now(), now(), now() + interval '1 hour', gen_random_uuid()
) RETURNING id::text
"""
DEAD = """
INSERT INTO work.dead_letters (
    id, job_id, queue, actor, subject_type, subject_id, reason, category, attempts, died_at,
    priority, unique_key, correlation_id, arguments
)
SELECT gen_random_uuid(), id, queue, actor, subject_type, subject_id, 'timeout', 'system', 3, now(),
    priority, unique_key, correlation_id, arguments
FROM work.jobs WHERE id = %s
RETURNING id::text
"""
