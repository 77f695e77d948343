"""Payment: its life as a table (ledger.md §6.1)."""

import pytest

from ledger.aggregates import payment
from ledger.aggregates.payment import Cancelled, Completed, Failed, Pending, Processing, Uncreated
from ledger.commands.payment import RecordSubmission
from ledger.errors import Reason, Refused
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentEvent,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentSubmitted,
)
from tests.builders import NOON, PAYMENT, POSTING, created, submission
from tests.specs import Decider

given = Decider[payment.Payment, RecordSubmission, PaymentEvent](
    payment.submit, payment.evolve, payment.UNCREATED
).given
_, CREATED = created()
STARTED = PaymentProcessingStarted(hold_id=PAYMENT, trigger="caller")
COMPLETED = PaymentCompleted(posting_id=POSTING, external_transaction_id=None, posted_at=NOON)
FAILED = PaymentFailed(reason="payment_declined", category="business_rule", attempts=2)
CANCELLED = PaymentCancelled(cause="caller", by=None)
LIVES: dict[str, tuple[PaymentEvent, ...]] = {
    "uncreated": (),
    "PENDING": (CREATED,),
    "PROCESSING": (CREATED, STARTED),
    "COMPLETED": (CREATED, STARTED, COMPLETED),
    "FAILED": (CREATED, STARTED, FAILED),
    "CANCELLED": (CREATED, CANCELLED),
}
NEXT = {
    "uncreated": {"PaymentCreated"},
    "PENDING": {"PaymentProcessingStarted", "PaymentCancelled"},
    "PROCESSING": {"PaymentSubmitted", "PaymentCompleted", "PaymentFailed"},
    "COMPLETED": set[str](),
    "FAILED": set[str](),
    "CANCELLED": set[str](),
}


def submitted(attempt: int, reference: str | None = None) -> PaymentSubmitted:
    return PaymentSubmitted(rail_reference=reference, attempt=attempt)


@pytest.mark.parametrize("status", [name for name in LIVES if name != "uncreated"])
def test_the_state_is_named_like_on_the_wire(status: str) -> None:
    state = given(*LIVES[status]).state
    assert not isinstance(state, Uncreated)
    assert status == payment.status_of(state)


@pytest.mark.parametrize("status", LIVES)
def test_only_what_the_table_allows_can_follow(status: str) -> None:
    events: list[PaymentEvent] = [CREATED, STARTED, submitted(1), COMPLETED, FAILED, CANCELLED]
    state = given(*LIVES[status]).state
    for event in events:
        if type(event).__name__ in NEXT[status]:
            assert payment.evolve(state, event, NOON) != state
            continue
        with pytest.raises(AssertionError):
            payment.evolve(state, event, NOON)


def test_only_a_pending_payment_waits() -> None:
    pending = given(*LIVES["PENDING"]).state
    assert payment.refuse_unless_pending(pending) is pending
    with pytest.raises(Refused) as unknown:
        payment.refuse_unless_pending(payment.UNCREATED)
    assert unknown.value.reason is Reason.PAYMENT_NOT_FOUND


@pytest.mark.parametrize("status", ["PROCESSING", "COMPLETED", "FAILED", "CANCELLED"])
def test_what_is_past_waiting_is_told_with_its_status(status: str) -> None:
    with pytest.raises(Refused) as refusal:
        payment.refuse_unless_pending(given(*LIVES[status]).state)
    assert refusal.value.reason is Reason.ALREADY_PROCESSED
    assert refusal.value.details == {"status": status}


def test_the_way_to_the_rail_is_recorded_once_per_attempt() -> None:
    on_its_way = LIVES["PROCESSING"]
    given(*on_its_way).when(submission()).then(submitted(1))
    given(*on_its_way, submitted(1)).when(submission()).then()
    given(*on_its_way, submitted(1)).when(submission(attempt=2)).then(submitted(2))
    given(*on_its_way, submitted(2)).when(submission(attempt=1)).then()


def test_a_reference_of_the_rail_is_recorded_when_it_is_new() -> None:
    known = (*LIVES["PROCESSING"], submitted(1), submitted(1, "rail-7"))
    given(*known).when(submission(ref="rail-7")).then()
    given(*known).when(submission()).then()
    given(*known).when(submission(ref="rail-8")).then(submitted(1, "rail-8"))


def test_a_later_attempt_keeps_the_reference_and_an_earlier_one_does_not_turn_back() -> None:
    state = given(*LIVES["PROCESSING"], submitted(3, "rail-7"), submitted(1), submitted(2)).state
    assert isinstance(state, Processing)
    assert (state.submissions, state.rail_reference) == (3, "rail-7")


def test_nothing_is_submitted_before_or_after_processing() -> None:
    given().when(submission()).then_refused(Reason.PAYMENT_NOT_FOUND)
    for status in ("PENDING", "COMPLETED", "FAILED", "CANCELLED"):
        given(*LIVES[status]).when(submission()).then_refused(Reason.ALREADY_PROCESSED)


def test_each_end_keeps_what_it_ended_with() -> None:
    completed, failed = given(*LIVES["COMPLETED"]).state, given(*LIVES["FAILED"]).state
    assert completed == Completed(CREATED, PAYMENT, NOON, POSTING, None, NOON)
    assert failed == Failed(CREATED, PAYMENT, NOON, "payment_declined", NOON)
    assert given(*LIVES["CANCELLED"]).state == Cancelled(CREATED)
    assert given(*LIVES["PENDING"]).state == Pending(CREATED)
