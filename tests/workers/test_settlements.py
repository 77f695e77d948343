"""Payments their rail has accepted: looked at until settled, and told of when they are overdue."""

import pytest

from schema.codec import decode_envelope
from tests.workers.conftest import Room
from tests.workers.log import processing_payment
from tests.workers.test_payment_steps import Bank, dead_letters
from workers.attempts import attempt
from workers.jobs import Job, JobState, job_id
from workers.payments import PAYMENTS
from workers.rails.rail import Accepted, Declined, Settled
from workers.relay import Relay
from workers.settlements import NAME, Settlements

POLLS = "SELECT id::text FROM work.jobs WHERE actor = 'poll_payment' AND arguments = '{}'"
A_DAY_MS = 24 * 3_600_000


@pytest.fixture
def bank(room: Room) -> Bank:
    bank = Bank(room)
    bank.outside.answer = Accepted("outside-1")
    return bank


def relayed(room: Room) -> None:
    relay = Relay(
        pool=room.pool, clock=room.clock, decode=decode_envelope, managers=[PAYMENTS], holder="t"
    )
    token = relay.acquire()
    assert token is not None
    while relay.turn(token):
        pass
    relay.release(token)
    room.clock.pass_ms(1)


def polled(bank: Bank) -> list[Job]:
    """Let the schedule take one turn; return the looks it asked for, each carried out."""
    room = bank.room
    room.clock.pass_ms(1)
    before = {identity for (identity,) in room.rows(POLLS)}
    turn = room.ask(NAME, f"turn {room.clock.now}", queue="default")
    attempt(room.frame, Settlements(room.pool, room.clock, 60).actor(), turn.id)
    asked = [identity for (identity,) in room.rows(POLLS) if identity not in before]
    return [bank.run(room.job(identity)) for identity in asked]


def accepted_payment(bank: Bank) -> str:
    """Return a payment that its rail has accepted, a minute ago."""
    payment_id = processing_payment(bank.room.dsn, rail="outside")
    relayed(bank.room)
    job = bank.room.job(job_id("process_payment", payment_id))
    assert bank.run(job).state is JobState.COMPLETED
    relayed(bank.room)
    bank.room.clock.pass_ms(61_000)
    return payment_id


def overdue(bank: Bank, payment_id: str) -> Job:
    return bank.room.job(job_id("poll_payment", f"{payment_id}/overdue"))


def test_an_accepted_payment_is_looked_at_until_it_settles(bank: Bank) -> None:
    payment_id = accepted_payment(bank)
    assert [job.state for job in polled(bank)] == ["completed"]
    assert bank.books.payment(payment_id).status == "PROCESSING"
    bank.outside.known[payment_id] = Settled("outside-1")
    assert [job.state for job in polled(bank)] == ["completed"]
    assert bank.books.payment(payment_id).status == "COMPLETED"
    assert overdue(bank, payment_id).state is JobState.SCHEDULED
    relayed(bank.room)
    assert overdue(bank, payment_id).state is JobState.CANCELLED
    assert polled(bank) == []


def test_nobody_is_looked_at_too_early(bank: Bank) -> None:
    accepted_payment(bank)
    bank.room.clock.pass_ms(-30_000)
    assert polled(bank) == []


def test_a_payment_declined_later_has_failed(bank: Bank) -> None:
    payment_id = accepted_payment(bank)
    bank.outside.known[payment_id] = Declined()
    assert [job.state for job in polled(bank)] == ["discarded"]
    assert bank.books.payment(payment_id).failure_reason == "payment_declined"


def test_a_rail_that_is_away_is_asked_at_the_next_turn(bank: Bank) -> None:
    payment_id = accepted_payment(bank)
    bank.outside.unreachable = True
    [job] = polled(bank)
    assert bank.finish(job).state is JobState.COMPLETED
    assert dead_letters(bank) == []
    bank.outside.unreachable = False
    bank.outside.known[payment_id] = Settled("outside-1")
    assert len(polled(bank)) == 1
    assert bank.books.payment(payment_id).status == "COMPLETED"


def test_after_a_day_staff_are_told_and_the_payment_goes_on(bank: Bank) -> None:
    payment_id = accepted_payment(bank)
    late = overdue(bank, payment_id)
    assert (late.state, bank.run(late).state) == (JobState.SCHEDULED, JobState.SCHEDULED)
    bank.room.clock.pass_ms(A_DAY_MS)
    assert bank.run(late).state is JobState.DISCARDED
    assert dead_letters(bank) == [("settlement_overdue", "external_dependency")]
    assert bank.books.payment(payment_id).status == "PROCESSING"
    bank.outside.known[payment_id] = Settled("outside-1")
    assert len(polled(bank)) == 1
    assert bank.books.payment(payment_id).status == "COMPLETED"
