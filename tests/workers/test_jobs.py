"""Jobs: asked for once, claimed by one, closed by whoever holds the lease."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ledger.errors import Reason
from tests.workers.conftest import Room, wanted_of
from workers.claims import (
    Claim,
    LeaseLost,
    claim,
    complete,
    discard,
    hand_back,
    reap,
    renew,
    try_again,
)
from workers.database import transaction
from workers.jobs import Cause, Job, JobState, ask, job_id
from workers.retries import Defer, Failure, Retry

FAILURE = Failure(Reason.PAYMENT_PROVIDER_ERROR)


def take(room: Room, job: Job) -> Claim | None:
    with transaction(room.pool) as connection:
        return claim(connection, job.id, room.clock.now, 30)


def taken(room: Room, job: Job) -> Claim:
    held = take(room, job)
    assert held is not None
    return held


def reaped(room: Room) -> list[Job]:
    with transaction(room.pool) as connection:
        return reap(connection, room.clock.now)


def test_the_id_of_a_job_follows_from_actor_and_cause(room: Room) -> None:
    job = room.ask("work", "one", cause="because")
    assert job_id("work", "because") == job.id
    assert (job.state, job.attempt, job.max_attempts, job.errors) == (JobState.AVAILABLE, 0, 4, ())


def test_the_same_cause_is_the_same_job(room: Room) -> None:
    assert room.ask().id == room.ask().id
    assert room.rows("SELECT count(*) FROM work.jobs") == [(1,)]


def test_the_same_id_with_another_wish_is_a_bug(room: Room) -> None:
    room.ask("work", "one", cause="because")
    with pytest.raises(AssertionError):
        room.ask("work", "another", cause="because")


def test_a_unique_job_is_returned_while_it_is_open(room: Room) -> None:
    first = room.ask(cause="a", unique_key="k")
    assert first.id == room.ask(cause="b", unique_key="k").id
    with transaction(room.pool) as connection:
        complete(connection, taken(room, first), room.clock.now)
    assert first.id != room.ask(cause="c", unique_key="k").id


def test_a_unique_job_may_stay_unique_after_its_end(room: Room) -> None:
    first = room.ask(cause="a", unique_key="k", unique_seconds=300)
    with transaction(room.pool) as connection:
        complete(connection, taken(room, first), room.clock.now)
    room.clock.pass_ms(299_000)
    assert first.id == room.ask(cause="b", unique_key="k", unique_seconds=300).id
    room.clock.pass_ms(1_001)
    assert first.id != room.ask(cause="c", unique_key="k", unique_seconds=300).id


def test_simultaneous_wishes_for_a_unique_job_are_one_job(room: Room) -> None:
    """The second waits for the first, whose database transaction is still open."""
    cause = Cause(correlation_id="req_test")
    with ThreadPoolExecutor(1) as thread:
        with transaction(room.pool) as connection:
            wanted = wanted_of("work", "x", cause="a", unique_key="k")
            first = ask(connection, wanted, cause, room.clock.now)
            second = thread.submit(room.ask, cause="b", unique_key="k")
            with pytest.raises(TimeoutError):
                second.result(timeout=0.1)
        assert second.result().id == first.id


def test_the_database_itself_keeps_unique_jobs_apart(room: Room) -> None:
    room.ask(cause="a", unique_key="k")
    with pytest.raises(psycopg.errors.UniqueViolation):
        room.change(
            'INSERT INTO work.jobs SELECT (jsonb_populate_record(jobs, \'{"id": "%s"}\')).* '
            "FROM work.jobs".replace("%s", job_id("work", "b"))
        )


def test_a_scheduled_job_waits_for_its_time(room: Room) -> None:
    at = room.clock.now + timedelta(seconds=10)
    job = room.ask(scheduled_at=at)
    assert JobState.SCHEDULED is job.state
    assert take(room, job) is None
    room.clock.pass_ms(10_000)
    assert JobState.EXECUTING is taken(room, job).job.state


def test_a_job_is_claimed_once_however_often_it_is_delivered(room: Room) -> None:
    job = room.ask()
    with ThreadPoolExecutor(5) as threads:
        claims = [threads.submit(take, room, job) for _ in range(5)]
    assert sum(each.result() is not None for each in claims) == 1
    assert room.job(job.id).attempt == 1


def test_a_final_job_is_not_claimed_again(room: Room) -> None:
    job = room.ask()
    with transaction(room.pool) as connection:
        complete(connection, taken(room, job), room.clock.now)
    assert take(room, job) is None


def test_a_failure_is_written_down_and_counts(room: Room) -> None:
    job = room.ask()
    held = taken(room, job)
    with transaction(room.pool) as connection:
        try_again(connection, held, FAILURE, Retry(1000, 4), room.clock.now)
    waiting = room.job(job.id)
    assert JobState.RETRYABLE is waiting.state
    assert room.clock.now + timedelta(seconds=1) == waiting.scheduled_at
    assert [(error.attempt, error.reason, error.category) for error in waiting.errors] == [
        (1, "payment_provider_error", "external_dependency")
    ]
    assert take(room, job) is None
    room.clock.pass_ms(1000)
    assert taken(room, job).job.attempt == 2


def test_a_wait_does_not_count(room: Room) -> None:
    job = room.ask()
    with transaction(room.pool) as connection:
        try_again(connection, taken(room, job), FAILURE, Defer(1000, 4), room.clock.now)
    room.clock.pass_ms(1000)
    again = taken(room, job).job
    assert (again.attempt, again.failures, again.deferred_ms) == (1, 0, 1000)


def test_a_discarded_job_leaves_a_dead_letter_in_the_same_transaction(room: Room) -> None:
    job = room.ask()
    held = taken(room, job)
    with suppress(ZeroDivisionError), transaction(room.pool) as connection:
        discard(connection, held, FAILURE, 4, room.clock.now)
        raise ZeroDivisionError
    assert JobState.EXECUTING is room.job(job.id).state
    assert room.rows("SELECT FROM work.dead_letters") == []
    with transaction(room.pool) as connection:
        discard(connection, held, FAILURE, 4, room.clock.now)
    assert JobState.DISCARDED is room.job(job.id).state
    letters = room.rows(
        "SELECT job_id::text, reason, category, attempts, status, subject_id FROM work.dead_letters"
    )
    assert [(job.id, FAILURE.reason, FAILURE.category, 1, "OPEN", "one")] == letters


def test_a_dead_worker_costs_no_attempt(room: Room) -> None:
    job = room.ask()
    taken(room, job)
    room.clock.pass_ms(30_000)
    assert reaped(room) == []
    room.clock.pass_ms(1)
    assert [job.id] == [each.id for each in reaped(room)]
    again = taken(room, job).job
    assert (again.attempt, again.deaths) == (1, 1)


def test_a_job_that_kills_three_workers_is_poison(room: Room) -> None:
    job = room.ask()
    for _ in range(3):
        taken(room, job)
        room.clock.pass_ms(30_001)
        reaped(room)
    dead = room.job(job.id)
    assert (dead.state, dead.deaths, dead.attempt) == (JobState.DISCARDED, 3, 1)
    assert take(room, job) is None
    assert room.rows("SELECT reason, category, attempts FROM work.dead_letters") == [
        ("internal_server_error", "system", 1)
    ]


def test_a_renewed_lease_does_not_lapse(room: Room) -> None:
    held = taken(room, room.ask())
    room.clock.pass_ms(20_000)
    with transaction(room.pool) as connection:
        assert {held.job.id} == renew(connection, [held], room.clock.now + timedelta(seconds=30))
    room.clock.pass_ms(29_000)
    assert reaped(room) == []


def test_who_lost_the_lease_changes_nothing(room: Room) -> None:
    job = room.ask()
    late = taken(room, job)
    room.clock.pass_ms(30_001)
    reaped(room)
    current = taken(room, job)
    with transaction(room.pool) as connection:
        assert set() == renew(connection, [late], room.clock.now)
    now = room.clock.now
    closes: list[Callable[[Connection[Any]], None]] = [
        lambda c: complete(c, late, now),
        lambda c: try_again(c, late, FAILURE, Retry(0, 4), now),
        lambda c: discard(c, late, FAILURE, 4, now),
        lambda c: hand_back(c, late),
    ]
    for close in closes:
        with pytest.raises(LeaseLost), transaction(room.pool) as connection:
            close(connection)
    assert JobState.EXECUTING is room.job(job.id).state
    with transaction(room.pool) as connection:
        complete(connection, current, room.clock.now)
    assert JobState.COMPLETED is room.job(job.id).state


def test_a_job_handed_back_goes_on_at_once_with_the_same_attempt(room: Room) -> None:
    job = room.ask()
    with transaction(room.pool) as connection:
        hand_back(connection, taken(room, job))
    again = taken(room, job).job
    assert (again.attempt, again.deaths) == (1, 0)


def test_a_wish_rolled_back_is_no_job(room: Room) -> None:
    with suppress(ZeroDivisionError), transaction(room.pool) as connection:
        ask(connection, wanted_of("work", "x"), Cause(correlation_id="c"), room.clock.now)
        raise ZeroDivisionError
    assert room.rows("SELECT FROM work.jobs") == []
