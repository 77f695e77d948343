"""What staff may do: cancel what nobody works on, ask again for what died."""

import pytest

from ledger.errors import Reason, Refused
from ledger.identity import new_id
from tests.workers.conftest import Room
from tests.workers.test_payment_steps import Bank, started_job
from workers.claims import claim
from workers.database import transaction
from workers.dead_letters import dead_letter_id
from workers.desk import Desk
from workers.jobs import Job, JobState
from workers.rails.rail import Declined


@pytest.fixture
def bank(room: Room) -> Bank:
    return Bank(room)


@pytest.fixture
def desk(bank: Bank) -> Desk:
    return Desk(bank.room.pool, bank.room.clock, bank.actors)


def refused(reason: Reason) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda refusal: refusal.reason is reason)


def dead(bank: Bank) -> Job:
    """Return a job that went wrong though its payment may still be saved."""
    bank.books.refuse_booking = Reason.ACCOUNT_INACTIVE
    return bank.run(started_job(bank, "outside"))


def test_cancelling_before_the_submission_fails_the_payment(bank: Bank, desk: Desk) -> None:
    job = started_job(bank)
    assert desk.cancel(job.id).state is JobState.CANCELLED
    assert bank.books.payment(job.subject_id).failure_reason == "processing_cancelled"
    assert bank.run(job).state is JobState.CANCELLED


def test_a_crash_while_cancelling_leaves_nothing_half_done(bank: Bank, desk: Desk) -> None:
    """The payment has failed, the job is open: its attempt finds nothing to do."""
    job = started_job(bank)
    bank.steps.cancel(job)
    assert bank.run(job).state is JobState.COMPLETED
    with refused(Reason.JOB_NOT_CANCELLABLE):
        desk.cancel(job.id)


def test_after_a_submission_it_is_too_late(bank: Bank, desk: Desk) -> None:
    bank.outside.faults = [Reason.TIMEOUT]
    job = bank.run(started_job(bank, "outside"))
    assert job.state is JobState.RETRYABLE
    with refused(Reason.JOB_NOT_CANCELLABLE):
        desk.cancel(job.id)
    assert bank.room.job(job.id) == job


def test_a_job_under_way_is_not_cancelled(bank: Bank, desk: Desk) -> None:
    job = started_job(bank)
    with transaction(bank.room.pool) as connection:
        claim(connection, job.id, bank.room.clock.now, 30)
    with refused(Reason.JOB_NOT_CANCELLABLE):
        desk.cancel(job.id)


def test_an_unknown_job_is_not_found(desk: Desk) -> None:
    with refused(Reason.JOB_NOT_FOUND):
        desk.cancel(new_id())
    with refused(Reason.JOB_NOT_FOUND):
        desk.retry(new_id())


def test_a_dead_job_is_asked_for_again_once(bank: Bank, desk: Desk) -> None:
    job = dead(bank)
    letter, again = desk.retry(dead_letter_id(job.id))
    assert (letter.status, letter.retried_job_id) == ("RETRIED", again.id)
    assert again.id != job.id
    assert (again.subject_id, again.correlation_id) == (job.subject_id, job.correlation_id)
    with refused(Reason.ALREADY_PROCESSED):
        desk.retry(letter.id)
    bank.books.refuse_booking = None
    assert bank.run(again).state is JobState.COMPLETED
    assert bank.books.payment(job.subject_id).status == "COMPLETED"
    assert bank.outside.executed[job.subject_id] == 1


def test_a_failed_payment_needs_a_new_payment(bank: Bank, desk: Desk) -> None:
    bank.outside.answer = Declined()
    job = bank.run(started_job(bank, "outside"))
    with refused(Reason.ALREADY_PROCESSED):
        desk.retry(dead_letter_id(job.id))
    assert bank.room.rows("SELECT status FROM work.dead_letters") == [("OPEN",)]


def test_other_work_is_cancelled_without_further_ado(bank: Bank, desk: Desk) -> None:
    job = bank.job("start_payment", new_id())
    assert desk.cancel(job.id).state is JobState.CANCELLED
