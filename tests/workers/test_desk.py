"""What people decided about jobs becomes so: called off, asked for again, each once."""

import pytest

from ledger.errors import Reason
from ledger.events.job import DeadLetterRetried, JobCancelled
from ledger.identity import new_id
from schema.codec import decode_envelope
from tests.workers.conftest import Room
from tests.workers.log import append
from tests.workers.specs import Process
from tests.workers.test_payment_steps import Bank, started_job
from workers.claims import Claim, LeaseLost, complete
from workers.database import transaction
from workers.dead_letters import dead_letter_id
from workers.desk import DESK
from workers.effects import JobUnwanted, LetterRetried
from workers.jobs import Job, JobState
from workers.jobs import job_id as id_of
from workers.relay import Relay

JOB = "01956c2a-0000-7000-8000-000000000001"
LETTERS = "SELECT status, retried_job_id::text FROM work.dead_letters"
ATTEMPTS = "SELECT attempt, outcome, reason FROM work.attempts ORDER BY started_at"
CANCELLED = JobCancelled(actor="work", subject_type="thing", subject_id="one")
given = Process(DESK, f"job-{JOB}").given


@pytest.fixture
def bank(room: Room) -> Bank:
    return Bank(room)


def relayed(room: Room, *events: JobCancelled | DeadLetterRetried, job_id: str) -> None:
    """Record what was decided about a job, and let the relay see it."""
    append(room.dsn, *((f"job-{job_id}", event) for event in events))
    relay = Relay(
        pool=room.pool, clock=room.clock, decode=decode_envelope, managers=[DESK], holder="t"
    )
    token = relay.acquire()
    assert token is not None
    while relay.turn(token):
        pass
    relay.release(token)
    room.clock.pass_ms(1)


def dead(bank: Bank) -> Job:
    """Return a job that went wrong though its payment may still be saved."""
    bank.books.refuse_booking = Reason.ACCOUNT_INACTIVE
    return bank.run(started_job(bank, "outside"))


def test_a_cancelled_job_is_unwanted() -> None:
    given().when(CANCELLED).then(JobUnwanted(JOB))


def test_a_retried_letter_is_worked_on_again() -> None:
    retried = DeadLetterRetried(dead_letter_id=JOB, retried_job_id=JOB)
    given().when(retried).then(LetterRetried(JOB))


def test_nobody_begins_a_cancelled_job(room: Room) -> None:
    job = room.ask()
    relayed(room, CANCELLED, job_id=job.id)
    assert room.job(job.id).state is JobState.CANCELLED
    assert room.frame.claim(job.id) is None


def test_a_worker_that_was_quicker_finds_its_lease_lost(room: Room) -> None:
    """Whoever cancelled died between the log and the row, and a worker picked the job up."""
    held = room.frame.claim(room.ask().id)
    assert isinstance(held, Claim)
    relayed(room, CANCELLED, job_id=held.job.id)
    with pytest.raises(LeaseLost), transaction(room.pool) as connection:
        complete(connection, held, room.clock.now)
    assert room.job(held.job.id).state is JobState.CANCELLED
    assert room.rows(ATTEMPTS) == [(1, "cancelled", None)]


def test_a_dead_job_is_asked_for_again_once(bank: Bank) -> None:
    job = dead(bank)
    letter_id = dead_letter_id(job.id)
    again_id = id_of(job.actor, letter_id)
    retried = DeadLetterRetried(dead_letter_id=letter_id, retried_job_id=again_id)
    relayed(bank.room, retried, job_id=job.id)
    assert bank.room.rows(LETTERS) == [("RETRIED", again_id)]
    again = bank.room.job(again_id)
    assert (again.subject_id, again.correlation_id) == (job.subject_id, job.correlation_id)
    relayed(bank.room, retried, job_id=job.id)
    assert bank.room.rows("SELECT count(*) FROM work.jobs") == [(2,)]
    bank.books.refuse_booking = None
    assert bank.run(again).state is JobState.COMPLETED
    assert bank.books.payment(job.subject_id).status == "COMPLETED"
    assert bank.outside.executed[job.subject_id] == 1


def test_work_that_is_under_way_again_is_not_doubled(bank: Bank) -> None:
    job = dead(bank)
    twin = bank.room.ask(
        job.actor, job.subject_id, cause="another reason", unique_key=job.unique_key
    )
    letter_id = dead_letter_id(job.id)
    retried = DeadLetterRetried(dead_letter_id=letter_id, retried_job_id=twin.id)
    relayed(bank.room, retried, job_id=job.id)
    assert bank.room.rows(LETTERS) == [("RETRIED", twin.id)]
    assert bank.room.rows("SELECT count(*) FROM work.jobs") == [(2,)]


def test_a_letter_that_is_no_more_holds_nobody_up(room: Room) -> None:
    gone = DeadLetterRetried(dead_letter_id=new_id(), retried_job_id=new_id())
    job = room.ask()
    relayed(room, gone, job_id=new_id())
    relayed(room, CANCELLED, job_id=job.id)
    assert room.job(job.id).state is JobState.CANCELLED


def test_every_try_is_kept_with_its_end(bank: Bank) -> None:
    bank.outside.faults = [Reason.TIMEOUT]
    assert bank.finish(started_job(bank, "outside")).state is JobState.COMPLETED
    assert bank.room.rows(ATTEMPTS) == [(1, "retryable", "timeout"), (2, "completed", None)]
