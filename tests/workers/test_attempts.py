"""Attempts: every way one can end, and what is written down about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from dramatiq.middleware.time_limit import TimeLimitExceeded
from structlog.testing import capture_logs

from ledger.errors import Reason, Refused
from tests.workers.conftest import Room
from workers.attempts import Actor, Completed, Discarded, Run, Verdict, attempt
from workers.jobs import Job, JobState
from workers.retries import Failed, Failure, RetryRules


def actor(perform: Callable[[Run], Verdict], **more: Any) -> Actor:
    fields: dict[str, Any] = {"name": "work", "queue": "payments", "time_limit_seconds": 300}
    return Actor(**fields | {"perform": perform} | more)


def raising(failure: BaseException) -> Callable[[Run], Verdict]:
    def perform(_run: Run) -> Verdict:
        raise failure

    return perform


def tried(room: Room, work: Actor) -> Job:
    job = room.ask()
    attempt(room.frame, work, job.id)
    return room.job(job.id)


def test_the_log_tells_every_run(room: Room) -> None:
    with capture_logs() as logs:
        job = tried(room, actor(lambda _run: Completed()))
    assert JobState.COMPLETED is job.state
    assert [line["event"] for line in logs] == ["job.started", "job.ended"]
    facts = {
        "actor": "work",
        "queue": "payments",
        "job_id": job.id,
        "attempt": 1,
        "max_attempts": 4,
        "priority": 5,
        "subject_id": "one",
    }
    assert facts.items() <= logs[0].items()
    assert (facts | {"outcome": "completed", "reason": None}).items() <= logs[1].items()
    assert isinstance(logs[1]["duration_ms"], int)


@pytest.mark.parametrize(
    ("raised", "reason", "delay_ms"),
    [
        (Failed(Reason.PAYMENT_PROVIDER_ERROR), "payment_provider_error", 1000),
        (Refused(Reason.SERVICE_UNAVAILABLE), "service_unavailable", 1000),
        (ValueError("what nobody foresaw"), "internal_server_error", 500),
        (TimeLimitExceeded(), "timeout", 1000),
        (Failed(Reason.PROVIDER_RATE_LIMITED, 9000), "provider_rate_limited", 9000),
    ],
)
def test_what_may_pass_is_tried_again(
    room: Room, raised: BaseException, reason: str, delay_ms: int
) -> None:
    job = tried(room, actor(raising(raised)))
    assert JobState.RETRYABLE is job.state
    assert [reason] == [error.reason for error in job.errors]
    assert room.clock.now + timedelta(milliseconds=delay_ms) == job.scheduled_at


def test_a_refusal_by_the_rules_is_a_dead_letter_after_one_attempt(room: Room) -> None:
    job = tried(room, actor(raising(Refused(Reason.INSUFFICIENT_FUNDS))))
    assert (job.state, job.attempt, job.max_attempts) == (JobState.DISCARDED, 1, 1)


def test_a_verdict_can_discard(room: Room) -> None:
    job = tried(room, actor(lambda _run: Discarded(Reason.PAYMENT_DECLINED)))
    assert (job.state, job.errors[0].reason) == (JobState.DISCARDED, "payment_declined")


@pytest.mark.parametrize(
    ("raised", "delays_ms"),
    [
        (Failed(Reason.PAYMENT_PROVIDER_ERROR), [1000, 2000, 4000]),
        (ValueError("what nobody foresaw"), [500, 1000]),
    ],
)
def test_retries_follow_their_schedule_to_the_end(
    room: Room, raised: Exception, delays_ms: list[int]
) -> None:
    job, work, waited = room.ask(), actor(raising(raised)), list[int]()
    attempt(room.frame, work, job.id)
    while (now := room.job(job.id)).state is JobState.RETRYABLE:
        delay_ms = round((now.scheduled_at - room.clock.now) / timedelta(milliseconds=1))
        waited.append(delay_ms)
        room.clock.pass_ms(delay_ms - 1)
        attempt(room.frame, work, job.id)
        assert now == room.job(job.id), "not a millisecond too early"
        room.clock.pass_ms(1)
        attempt(room.frame, work, job.id)
    assert delays_ms == waited
    assert JobState.DISCARDED is now.state
    assert len(delays_ms) + 1 == now.attempt == now.max_attempts == len(now.errors)


def test_an_actor_may_end_its_subjects_story_when_retries_are_exhausted(room: Room) -> None:
    seen: list[tuple[int, Failure]] = []

    def exhausted(run: Run, failure: Failure) -> Verdict:
        seen.append((run.job.attempt, failure))
        return Completed()

    rules = RetryRules(external_ms=(0,))
    work = actor(raising(Failed(Reason.TIMEOUT)), exhausted=exhausted, rules=rules)
    job = room.ask()
    for _ in range(2):
        attempt(room.frame, work, job.id)
    assert [(2, Failure(Reason.TIMEOUT))] == seen
    assert JobState.COMPLETED is room.job(job.id).state


def test_an_ending_that_breaks_is_left_to_the_lease(room: Room) -> None:
    """Nothing is decided about a job whose last step failed: its lease lapses, it runs again."""

    def exhausted(_run: Run, _failure: Failure) -> Verdict:
        raise ConnectionError

    work = actor(raising(Refused(Reason.INSUFFICIENT_FUNDS)), exhausted=exhausted)
    job = room.ask()
    with pytest.raises(ConnectionError):
        attempt(room.frame, work, job.id)
    assert JobState.EXECUTING is room.job(job.id).state
    assert room.heartbeat.living() == []


def test_the_lease_is_held_while_the_work_goes_on(room: Room) -> None:
    def perform(run: Run) -> Verdict:
        assert [run.job.id] == [held.job.id for held in room.heartbeat.living()]
        room.clock.pass_ms(29_000)
        room.heartbeat.renew_all()
        return Completed()

    job = tried(room, actor(perform))
    assert JobState.COMPLETED is job.state


def test_an_attempt_past_its_limit_is_renewed_no_more(room: Room) -> None:
    def perform(_run: Run) -> Verdict:
        assert room.heartbeat.living() == []
        return Completed()

    tried(room, actor(perform, time_limit_seconds=-10))


def test_who_lost_the_lease_says_so_and_changes_nothing(room: Room) -> None:
    def perform(run: Run) -> Verdict:
        room.change("UPDATE work.jobs SET lease_token = gen_random_uuid()")
        assert run.job.state is JobState.EXECUTING
        return Completed()

    with capture_logs() as logs:
        job = tried(room, actor(perform))
    assert JobState.EXECUTING is job.state
    assert logs[-1]["outcome"] == "lease_lost"


def test_work_in_hand_is_handed_back_at_the_end(room: Room) -> None:
    def perform(_run: Run) -> Verdict:
        assert room.heartbeat.hand_back_all() == 1
        return Completed()

    job = tried(room, actor(perform))
    assert (job.state, job.attempt, job.deaths) == (JobState.AVAILABLE, 1, 0)
