"""The relay: every event once, all of a command together, one relay at a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.events.payment import PaymentFailed
from ledger.identity import new_id
from schema.codec import decode_envelope
from tests.workers.conftest import Room
from tests.workers.log import append, created, processing_payment, started
from workers.jobs import job_id
from workers.payments import PAYMENTS
from workers.relay import Overtaken, Relay

JOBS = "SELECT actor, subject_id, priority, cause_position FROM work.jobs ORDER BY cause_position"


def relay(room: Room, holder: str = "a", **more: Any) -> Relay:
    fields: dict[str, Any] = {
        "pool": room.pool,
        "clock": room.clock,
        "decode": decode_envelope,
        "managers": [PAYMENTS],
        "holder": holder,
    }
    return Relay(**fields | more)


def live(relay: Relay) -> int:
    token = relay.acquire()
    assert token is not None
    return token


def caught_up(relay: Relay, token: int) -> None:
    while relay.turn(token):
        pass


def position(room: Room) -> int:
    return int(room.rows("SELECT position FROM work.relay")[0][0])


def test_a_started_payment_becomes_a_job(room: Room) -> None:
    payment_id = processing_payment(room.dsn, priority=2)
    caught_up(relay(room), live(relay(room)))
    assert room.rows(JOBS) == [("process_payment", payment_id, 2, 2)]
    job = room.job(job_id("process_payment", payment_id))
    assert job.correlation_id == "req_test"
    assert (job.context.correlation_id, job.context.causation_id) == (
        "req_test",
        str(room.rows("SELECT event_id FROM log.events WHERE position = 2")[0][0]),
    )


def test_the_checkpoint_passes_events_nobody_reacts_to(room: Room) -> None:
    append(room.dsn, (f"payment-{new_id()}", created()))
    first = relay(room)
    token = live(first)
    assert first.has_work(token)
    caught_up(first, token)
    assert position(room) == 1
    assert not first.has_work(token)
    assert room.rows(JOBS) == []


def test_processes_that_ended_are_forgotten(room: Room) -> None:
    payment_id, first = processing_payment(room.dsn), relay(room)
    token = live(first)
    caught_up(first, token)
    assert room.rows("SELECT key FROM work.processes") == [(payment_id,)]
    append(
        room.dsn,
        (f"payment-{payment_id}", PaymentFailed(reason="timeout", category="system", attempts=1)),
    )
    caught_up(first, token)
    assert room.rows("SELECT key FROM work.processes") == []


def test_a_refused_background_start_asks_for_nothing_even_in_small_batches(room: Room) -> None:
    """The batch would end between the two events of one command; it is extended to its end."""
    payment_id = new_id()
    failed = PaymentFailed(reason="insufficient_funds", category="business_rule", attempts=1)
    stream = f"payment-{payment_id}"
    append(room.dsn, (stream, created()))
    append(room.dsn, (stream, started("auto")), (stream, failed))
    other = processing_payment(room.dsn)
    small = relay(room, batch=1)
    token = live(small)
    turns = 1
    while small.turn(token):
        turns += 1
    assert turns == 4
    assert [subject for _, subject, _, _ in room.rows(JOBS)] == [other]


def test_only_one_relay_is_live(room: Room) -> None:
    first, second = relay(room), relay(room, "b")
    token = live(first)
    assert second.acquire() is None
    room.clock.pass_ms(14_000)
    first.renew(token)
    room.clock.pass_ms(14_000)
    assert second.acquire() is None
    room.clock.pass_ms(1_001)
    assert second.acquire() == token + 1


def test_a_lease_given_up_is_free_at_once(room: Room) -> None:
    first = relay(room)
    first.release(live(first))
    room.clock.pass_ms(1)
    live(relay(room, "b"))


def test_a_paused_relay_is_fenced_out(room: Room) -> None:
    """It read events, slept through its lease, and wakes up when another has done the work."""
    processing_payment(room.dsn)
    second = relay(room, "b")

    def sleep(point: str) -> None:
        if point == "after_events_read":
            room.clock.pass_ms(15_001)
            caught_up(second, live(second))
            processing_payment(room.dsn)

    first = relay(room, crashpoint=sleep)
    token = live(first)
    before = room.clock.now
    with pytest.raises(Overtaken):
        first.turn(token)
    assert room.clock.now - before == timedelta(milliseconds=15_001)
    assert position(room) == 2
    assert len(room.rows(JOBS)) == 1
    calls: list[Callable[[int], object]] = [first.turn, first.renew, first.has_work]
    for call in calls:
        with pytest.raises(Overtaken):
            call(token)
    first.release(token)
    assert relay(room, "c").acquire() is None


def test_a_relay_is_fenced_out_before_its_successor_has_done_anything(room: Room) -> None:
    processing_payment(room.dsn)

    def sleep(point: str) -> None:
        if point == "after_jobs_inserted":
            room.clock.pass_ms(15_001)
            live(relay(room, "b"))

    first = relay(room, crashpoint=sleep)
    with pytest.raises(Overtaken):
        first.turn(live(first))
    assert (position(room), room.rows(JOBS)) == (0, [])


class Crashed(BaseException):
    pass


@pytest.mark.parametrize("at", ["after_events_read", "after_jobs_inserted", "after_relay_commit"])
def test_a_crash_of_the_relay_loses_and_repeats_nothing(room: Room, at: str) -> None:
    payment_id = processing_payment(room.dsn)

    def crash(point: str) -> None:
        if point == at:
            raise Crashed

    dying = relay(room, crashpoint=crash)
    with pytest.raises(Crashed):
        dying.turn(live(dying))
    assert (len(room.rows(JOBS)), position(room)) in {(0, 0), (1, 2)}
    room.clock.pass_ms(15_001)
    caught_up(relay(room, "b"), live(relay(room, "b")))
    assert [subject for _, subject, _, _ in room.rows(JOBS)] == [payment_id]


def test_a_checkpoint_put_back_asks_for_the_same_jobs(room: Room) -> None:
    """After a restore of the checkpoint the derived ids find the rows that are there."""
    processing_payment(room.dsn)
    first = relay(room)
    token = live(first)
    caught_up(first, token)
    before = room.rows(JOBS)
    room.change("UPDATE work.relay SET position = 0")
    caught_up(first, token)
    assert room.rows(JOBS) == before


def test_a_log_that_ends_before_the_checkpoint_is_an_alarm(room: Room) -> None:
    first = relay(room)
    token = live(first)
    room.change("UPDATE work.relay SET position = 7")
    with pytest.raises(AssertionError, match="past the end of the log"):
        first.turn(token)


def test_the_application_may_do_all_this(room: Room) -> None:
    with room.pool.connection() as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("ledgerbank_app",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE work.jobs")
