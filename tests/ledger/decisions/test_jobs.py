"""Jobs: who may steer them, what a cancelled payment job ends, and a second try only once."""

from typing import Any

import pytest

from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.errors import Reason
from ledger.events.account import DailyUsageChanged, HoldReleased
from ledger.events.audit import AdminActionPerformed
from ledger.events.connection import SyncFailed, SyncRequested
from ledger.events.job import DeadLetterRetried, JobCancelled
from ledger.events.payment import PaymentFailed
from ledger.identity import derived_id
from tests.builders import (
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_SUE,
    PAYMENT,
    PEOPLE,
    TOWN,
    created,
    failure,
    identity,
    process,
    submission,
)
from tests.ledger.banking import CONNECTED, CONNECTION, ask_sync
from tests.ledger.banking import JOB as SYNC_KEY
from tests.specs import Story, given

JOB, LETTER, AGAIN = identity("job"), identity("letter"), identity("again")
STREAM = f"job-{JOB}"
CANCELLED = JobCancelled(actor="process_payment", subject_type="payment", subject_id=PAYMENT)
RETRIED = DeadLetterRetried(dead_letter_id=LETTER, retried_job_id=AGAIN)


def facts(state: str = "available", **known: Any) -> JobFacts:
    told = {"actor": "process_payment", "subject_type": "payment", "subject_id": PAYMENT}
    return JobFacts(state=state, **told | known)


def cancelling(state: str = "available", **known: Any) -> CancelJob:
    return CancelJob(job_id=JOB, facts=facts(state, **known))


def retrying() -> RetryDeadLetter:
    return RetryDeadLetter(
        dead_letter_id=LETTER, job_id=JOB, retried_job_id=AGAIN, facts=facts("discarded")
    )


def on_its_way() -> Story:
    return given(TOWN, created(1_000)).done(process(), by=AS_ADA)


def kinds(told: Any) -> list[type]:
    """Return what was recorded, but for what the audit log is told."""
    found = [type(event) for _, event in told.lines]
    return [kind for kind in found if kind is not AdminActionPerformed]


def test_cancelling_before_the_submission_fails_the_payment() -> None:
    told = on_its_way().when(cancelling(), by=AS_SUE)
    assert kinds(told) == [HoldReleased, DailyUsageChanged, PaymentFailed, JobCancelled]
    assert told.books.state(f"payment-{PAYMENT}").reason == "processing_cancelled"


def test_after_a_submission_it_is_too_late() -> None:
    story = on_its_way().done(submission())
    story.when(cancelling("retryable"), by=AS_SUE).then_refused(Reason.JOB_NOT_CANCELLABLE)


@pytest.mark.parametrize("state", ["executing", "completed", "cancelled", "discarded"])
def test_work_that_is_under_way_or_over_is_not_cancelled(state: str) -> None:
    told = on_its_way().when(cancelling(state), by=AS_SUE)
    told.then_refused(Reason.JOB_NOT_CANCELLABLE, state=state)


def test_other_work_is_cancelled_without_further_ado() -> None:
    told = given(TOWN).when(cancelling(actor="erase_user", subject_type="user"), by=AS_SUE)
    assert kinds(told) == [JobCancelled]


def test_a_sync_that_is_called_off_keeps_nobody_from_asking_again() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    told_of = {"actor": "sync_connection", "subject_type": "connection", "subject_id": CONNECTION}
    job_id = derived_id("job", "sync_connection", SYNC_KEY)
    other = CancelJob(job_id=JOB, facts=facts(**told_of))
    assert kinds(story.when(other, by=AS_SUE)) == [JobCancelled]
    story.when(ask_sync(), by=AS_ANNA).then_nothing()
    cancel = CancelJob(job_id=job_id, facts=facts(**told_of))
    assert kinds(story.when(cancel, by=AS_SUE)) == [SyncFailed, JobCancelled]
    assert story.books.state(f"connection-{CONNECTION}").status == "ACTIVE"
    story.when(ask_sync(), by=AS_ANNA).then_recorded(SyncRequested)


def test_a_payment_that_ended_meanwhile_stays_as_it_is() -> None:
    told = on_its_way().done(failure()).when(cancelling(), by=AS_SUE)
    assert kinds(told) == [JobCancelled]


def test_a_job_nobody_knows_is_not_found() -> None:
    given(TOWN).when(CancelJob(job_id=JOB, facts=None), by=AS_SUE).then_refused(
        Reason.JOB_NOT_FOUND
    )
    nothing = RetryDeadLetter(dead_letter_id=LETTER, job_id=None, retried_job_id=None, facts=None)
    given(TOWN).when(nothing, by=AS_SUE).then_refused(Reason.JOB_NOT_FOUND)


@pytest.mark.parametrize("caller", [AS_ANNA, AS_AUDREY])
def test_only_staff_steer_jobs(caller: Any) -> None:
    for command in (cancelling(), retrying()):
        told = on_its_way().when(command, by=caller)
        told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_dead_letter_is_retried_once() -> None:
    story = on_its_way().done(submission())
    assert kinds(story.when(retrying(), by=AS_SUE)) == [DeadLetterRetried]
    story.when(retrying(), by=AS_ADA).then_refused(Reason.ALREADY_PROCESSED)


def test_a_failed_payment_needs_a_new_payment() -> None:
    story = on_its_way().done(failure())
    story.when(retrying(), by=AS_SUE).then_refused(Reason.ALREADY_PROCESSED)
