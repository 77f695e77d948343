"""The payment process as sentences: which events ask for which jobs."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentFailed,
    PaymentSubmitted,
)
from tests.workers.log import created, started
from tests.workers.specs import Process, recorded
from workers.effects import JobUnwanted
from workers.jobs import JobWanted, job_id
from workers.payments import PAYMENTS, Awaiting, Due, Pending, Processing
from workers.process_managers import Unseen

DATE = "2026-02-01T00:00:00.000000Z"
PAYMENT = "01956c2a-0000-7000-8000-000000000001"
STREAM = f"payment-{PAYMENT}"
given, evolve = Process(PAYMENTS, STREAM).given, PAYMENTS.evolve

FAILED = PaymentFailed(reason="insufficient_funds", category="business_rule", attempts=1)
CANCELLED = PaymentCancelled(cause="caller", by=None)
COMPLETED = PaymentCompleted(posting_id=PAYMENT, external_transaction_id=None, posted_at="")


def job(actor: str, priority: int = 0) -> JobWanted:
    return JobWanted(
        actor=actor,
        queue="payments",
        subject_type="payment",
        subject_id=PAYMENT,
        cause=PAYMENT,
        priority=priority,
        unique_key=f"{actor}/{PAYMENT}",
    )


def test_a_manual_payment_waits_for_somebody() -> None:
    given().when(created()).then()


def test_an_auto_payment_is_started_at_once() -> None:
    given().when(created(processing="auto")).then(job("start_payment"))


def test_an_auto_payment_with_a_date_waits_for_it() -> None:
    given().when(created(processing="auto", scheduled_at=DATE)).then()


def test_the_date_is_remembered_with_its_story_until_the_payment_starts() -> None:
    asked = recorded(1, STREAM, created(priority=7, scheduled_at=DATE))
    metadata, event_id = asked.envelope.metadata, asked.envelope.id
    due = Due(DATE, metadata.correlation_id, event_id, metadata.traceparent)
    waiting = evolve(Unseen(), asked)
    assert waiting == Pending(7, due)
    assert evolve(waiting, recorded(2, STREAM, started("schedule"))) == Processing(7)


def test_a_started_payment_is_worked_on_with_its_own_priority() -> None:
    given(created(priority=3)).when(started()).then(job("process_payment", 3))


def test_a_payment_refused_in_the_background_is_over() -> None:
    given(created(processing="auto")).when(started("auto"), FAILED).then()


@pytest.mark.parametrize("end", [FAILED, COMPLETED], ids=["failed", "completed"])
def test_an_ended_payment_asks_for_nothing(end: PaymentFailed | PaymentCompleted) -> None:
    given(created(), started()).when(end).then()


def test_a_cancelled_payment_asks_for_nothing() -> None:
    given(created()).when(CANCELLED).then()


def test_the_job_id_is_known_to_whoever_started_the_payment() -> None:
    assert job("process_payment").job_id == job_id("process_payment", PAYMENT)


SENT = PaymentSubmitted(attempt=1, rail_reference=None)
ACCEPTED = PaymentSubmitted(attempt=1, rail_reference="outside-1")
OVERDUE = replace(
    job("poll_payment", 3),
    cause=f"{PAYMENT}/overdue",
    unique_key=None,
    scheduled_at=datetime(2026, 1, 2, tzinfo=UTC),
    arguments={"overdue": "yes"},
)


def test_a_payment_that_went_out_asks_for_nothing_more() -> None:
    given(created(), started()).when(SENT).then()
    given(created(), started(), SENT).when(COMPLETED).then()


def test_a_rail_that_accepts_has_a_day_to_settle() -> None:
    given(created(priority=3), started(), SENT).when(ACCEPTED).then(OVERDUE)


def test_accepting_again_sets_no_other_time_out() -> None:
    told = given(created(priority=3), started(), SENT, replace(ACCEPTED, rail_reference="other"))
    first = recorded(9, STREAM, ACCEPTED)
    assert PAYMENTS.react(told.state, first) == []


def test_a_settled_payment_takes_its_time_out_back() -> None:
    unwanted = JobUnwanted(OVERDUE.job_id)
    given(created(), started(), SENT, ACCEPTED).when(COMPLETED).then(unwanted)
    given(created(), started(), SENT, ACCEPTED).when(FAILED).then(unwanted)


def test_what_waits_is_looked_at_after_a_minute() -> None:
    first = recorded(3, STREAM, ACCEPTED)
    assert evolve(Processing(3), first) == Awaiting(
        3, "2026-01-01T00:01:00.000000Z", first.envelope.id, "req_test"
    )


def test_a_start_without_a_payment_is_a_broken_log() -> None:
    with pytest.raises(AssertionError, match="cannot follow"):
        evolve(Unseen(), recorded(1, STREAM, started()))


def test_the_priority_is_remembered() -> None:
    assert evolve(Unseen(), recorded(1, STREAM, created(priority=7))) == Pending(7)
