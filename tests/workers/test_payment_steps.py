"""The payment's jobs, from the start to the books: every answer of a rail, every place to crash."""

from collections.abc import Callable

import msgspec
import pytest

from ledger.commands.payment import FailPayment
from ledger.errors import Reason
from ledger.identity import derived_id, new_id
from tests.workers.conftest import Room
from tests.workers.ledger_of_tests import LogBooks
from tests.workers.log import append, created, names, processing_payment
from tests.workers.rails_of_tests import OutsideRail, accepted
from workers.attempts import attempt
from workers.jobs import Job, JobState
from workers.payment_steps import PaymentSteps
from workers.rails.book import BookRail
from workers.rails.rail import Declined

SUBMITTED = ["PaymentCreated", "PaymentProcessingStarted", "PaymentSubmitted"]


class Crashed(BaseException):
    """The process died here."""


class Bank:
    """Payments of one room, on the book rail or outside."""

    def __init__(self, room: Room) -> None:
        self.room, self.books, self.outside = room, LogBooks(room.dsn), OutsideRail()
        self.steps = PaymentSteps(self.books, {"book": BookRail(), "outside": self.outside})
        self.actors = {actor.name: actor for actor in self.steps.actors()}

    def job(self, actor: str, payment_id: str) -> Job:
        return self.room.ask(actor, payment_id, unique_key=f"{actor}/{payment_id}")

    def run(self, job: Job, crash_at: str | None = None) -> Job:
        """Try the job once; dying at `crash_at` when given."""
        frame = self.room.frame
        if crash_at is not None:
            frame = msgspec.structs.replace(frame, crashpoint=crashing(crash_at))
            with pytest.raises(Crashed):
                attempt(frame, self.actors[job.actor], job.id)
        else:
            attempt(frame, self.actors[job.actor], job.id)
        return self.room.job(job.id)

    def finish(self, job: Job) -> Job:
        """Try the job until it is final, letting time pass as needed."""
        while (now := self.run(job)).state is JobState.RETRYABLE:
            self.room.clock.now = now.scheduled_at
        return now

    def events(self, payment_id: str) -> list[str]:
        return names(self.room.dsn, f"payment-{payment_id}")

    def postings(self, payment_id: str) -> list[str]:
        return names(self.room.dsn, f"posting-{derived_id('posting', payment_id)}")


def crashing(at: str) -> Callable[[str], None]:
    def crash(point: str) -> None:
        if point == at:
            raise Crashed(point)

    return crash


@pytest.fixture
def bank(room: Room) -> Bank:
    return Bank(room)


def started_job(bank: Bank, rail: str = "book") -> Job:
    return bank.job("process_payment", processing_payment(bank.room.dsn, rail=rail))


@pytest.mark.parametrize("rail", ["book", "outside"])
def test_a_settled_payment_is_booked_once(bank: Bank, rail: str) -> None:
    job = bank.run(started_job(bank, rail))
    assert job.state is JobState.COMPLETED
    assert bank.events(job.subject_id) == [*SUBMITTED, "PaymentCompleted"]
    assert bank.postings(job.subject_id) == ["PostingBooked"]


def test_the_rail_is_told_after_the_submission_was_recorded(bank: Bank) -> None:
    job = started_job(bank, "outside")
    bank.run(job, "after_submission_recorded")
    assert bank.events(job.subject_id) == SUBMITTED
    assert bank.outside.submitted == []


CRASHES = [
    "after_claim",
    "after_submission_recorded",
    "after_rail_answered",
    "after_payment_completed",
    "before_close",
]


@pytest.mark.parametrize("rail", ["book", "outside"])
@pytest.mark.parametrize("crash_at", CRASHES)
def test_a_crash_anywhere_leaves_the_same_books(bank: Bank, rail: str, crash_at: str) -> None:
    """The worker dies, its lease lapses, another worker runs the same attempt again."""
    job = started_job(bank, rail)
    assert bank.run(job, crash_at).state is JobState.EXECUTING
    resume(bank)
    done = bank.run(job)
    assert (done.state, done.attempt, done.deaths) == (JobState.COMPLETED, 1, 1)
    assert bank.events(job.subject_id) == [*SUBMITTED, "PaymentCompleted"]
    assert bank.postings(job.subject_id) == ["PostingBooked"]
    assert bank.outside.executed[job.subject_id] == (rail == "outside")


@pytest.mark.parametrize(
    "crash_at", ["after_submission_recorded", "after_rail_answered", "after_payment_failed"]
)
def test_a_crash_around_a_decline_ends_in_the_same_failure(bank: Bank, crash_at: str) -> None:
    bank.outside.answer = Declined()
    job = started_job(bank, "outside")
    bank.run(job, crash_at)
    resume(bank)
    done = bank.run(job)
    assert (done.state, done.attempt) == (JobState.DISCARDED, 1)
    assert bank.events(job.subject_id) == [*SUBMITTED, "PaymentFailed"]
    assert dead_letters(bank) == [("payment_declined", "business_rule")]


def test_a_declined_payment_fails_with_a_dead_letter(bank: Bank) -> None:
    bank.outside.answer = Declined()
    job = bank.run(started_job(bank, "outside"))
    assert (job.state, job.max_attempts) == (JobState.DISCARDED, 1)
    assert bank.books.payment(job.subject_id).failure_reason == "payment_declined"
    assert dead_letters(bank) == [("payment_declined", "business_rule")]


def test_an_accepted_payment_waits_for_its_settlement(bank: Bank) -> None:
    bank.outside.answer = accepted()
    job = bank.run(started_job(bank, "outside"))
    assert job.state is JobState.COMPLETED
    assert bank.events(job.subject_id) == [*SUBMITTED, "PaymentSubmitted"]
    assert bank.books.payment(job.subject_id).status == "PROCESSING"


def test_a_transient_failure_is_tried_again_under_the_same_key(bank: Bank) -> None:
    bank.outside.faults = [Reason.PAYMENT_PROVIDER_ERROR, Reason.TIMEOUT]
    job = bank.finish(started_job(bank, "outside"))
    assert (job.state, job.attempt) == (JobState.COMPLETED, 3)
    assert {order.payment_id for order in bank.outside.submitted} == {job.subject_id}
    assert bank.outside.executed[job.subject_id] == 1


def test_a_lost_answer_executes_nothing_twice(bank: Bank) -> None:
    bank.outside.late = True
    bank.outside.faults = [Reason.TIMEOUT]
    job = bank.finish(started_job(bank, "outside"))
    assert (job.state, job.attempt) == (JobState.COMPLETED, 2)
    assert bank.outside.executed[job.subject_id] == 1


def test_exhausted_and_unheard_of_the_payment_is_withdrawn_and_fails(bank: Bank) -> None:
    bank.outside.faults = [Reason.TIMEOUT] * 3 + [Reason.PAYMENT_PROVIDER_ERROR]
    job = bank.finish(started_job(bank, "outside"))
    assert (job.state, job.attempt) == (JobState.DISCARDED, 4)
    assert bank.books.payment(job.subject_id).failure_reason == "payment_provider_error"
    assert dead_letters(bank) == [("payment_provider_error", "external_dependency")]
    bank.outside.submit(bank.outside.submitted[0])
    assert bank.outside.executed[job.subject_id] == 0, "the rail remembers the withdrawal"


def test_an_answer_that_got_lost_is_looked_up_before_anything_is_sent_again(bank: Bank) -> None:
    bank.outside.late = True
    bank.outside.faults = [Reason.TIMEOUT] * 4
    job = bank.finish(started_job(bank, "outside"))
    assert (job.state, job.attempt) == (JobState.COMPLETED, 2)
    assert bank.books.payment(job.subject_id).status == "COMPLETED"
    assert len(bank.outside.submitted) == 1
    assert bank.outside.executed[job.subject_id] == 1


def test_an_order_that_was_accepted_unheard_waits(bank: Bank) -> None:
    bank.outside.answer, bank.outside.late = accepted(), True
    bank.outside.faults = [Reason.TIMEOUT] * 4
    job = bank.finish(started_job(bank, "outside"))
    assert job.state is JobState.COMPLETED
    assert bank.books.payment(job.subject_id).status == "PROCESSING"


def test_an_order_that_was_declined_unheard_fails(bank: Bank) -> None:
    bank.outside.answer, bank.outside.late = Declined(), True
    bank.outside.faults = [Reason.TIMEOUT] * 4
    job = bank.finish(started_job(bank, "outside"))
    assert bank.books.payment(job.subject_id).failure_reason == "payment_declined"


def test_exhausted_and_unreachable_the_payment_keeps_its_hold(bank: Bank) -> None:
    bank.outside.faults, bank.outside.unreachable = [Reason.TIMEOUT] * 4, True
    job = bank.finish(started_job(bank, "outside"))
    assert job.state is JobState.DISCARDED
    assert bank.books.payment(job.subject_id).status == "PROCESSING"
    assert dead_letters(bank) == [("settlement_overdue", "external_dependency")]


def test_what_the_books_refuse_to_complete_fails_on_the_book_rail(bank: Bank) -> None:
    bank.books.refuse_booking = Reason.ACCOUNT_INACTIVE
    job = bank.run(started_job(bank))
    assert job.state is JobState.DISCARDED
    assert bank.books.payment(job.subject_id).failure_reason == "account_inactive"
    assert bank.postings(job.subject_id) == []


def test_what_the_books_refuse_though_it_settled_outside_waits_for_staff(bank: Bank) -> None:
    bank.books.refuse_booking = Reason.ACCOUNT_INACTIVE
    job = bank.run(started_job(bank, "outside"))
    assert job.state is JobState.DISCARDED
    assert bank.books.payment(job.subject_id).status == "PROCESSING"


def test_books_that_are_busy_are_asked_again(bank: Bank) -> None:
    bank.books.refuse_booking = Reason.SERVICE_UNAVAILABLE
    job = bank.run(started_job(bank))
    assert job.state is JobState.RETRYABLE
    bank.books.refuse_booking = None
    assert bank.finish(job).state is JobState.COMPLETED


def test_a_payment_somebody_else_ended_needs_nothing(bank: Bank) -> None:
    job = started_job(bank)
    reason = Reason.PROCESSING_CANCELLED
    fail = FailPayment(payment_id=job.subject_id, reason=reason, category="system", attempts=0)
    bank.books.handle(fail, job.context)
    assert bank.run(job).state is JobState.COMPLETED
    assert bank.events(job.subject_id) == [*SUBMITTED[:2], "PaymentFailed"]


def test_an_unknown_payment_is_a_dead_letter(bank: Bank) -> None:
    job = bank.run(bank.job("process_payment", new_id()))
    assert (job.state, job.errors[0].reason) == (JobState.DISCARDED, "payment_not_found")


def test_an_auto_payment_is_started_in_the_background(bank: Bank) -> None:
    payment_id = new_id()
    append(bank.room.dsn, (f"payment-{payment_id}", created(processing="auto")))
    job = bank.job("start_payment", payment_id)
    bank.run(job, "before_close")
    resume(bank)
    assert bank.run(job).state is JobState.COMPLETED
    assert bank.events(payment_id) == SUBMITTED[:2]


@pytest.mark.parametrize("crash_at", [None, "before_close"])
def test_a_start_the_rules_refuse_is_a_dead_letter(bank: Bank, crash_at: str | None) -> None:
    payment_id = new_id()
    append(bank.room.dsn, (f"payment-{payment_id}", created(processing="auto")))
    bank.books.refuse_start = Reason.INSUFFICIENT_FUNDS
    job = bank.job("start_payment", payment_id)
    if crash_at:
        bank.run(job, crash_at)
        resume(bank)
    done = bank.run(job)
    assert (done.state, done.attempt) == (JobState.DISCARDED, 1)
    assert dead_letters(bank) == [("insufficient_funds", "business_rule")]
    assert bank.events(payment_id) == [*SUBMITTED[:2], "PaymentFailed"]


def resume(bank: Bank) -> None:
    """Let the lease of the dead worker lapse, and the sweep find it."""
    bank.room.clock.pass_ms(30_001)
    bank.room.reap()


def dead_letters(bank: Bank) -> list[tuple[str, str]]:
    rows = bank.room.rows("SELECT reason, category FROM work.dead_letters")
    return [(reason, category) for reason, category in rows]
