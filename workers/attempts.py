"""Attempts: one try of one job, from its claim to its close, whatever happens in between."""

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeAlias, TypedDict

import msgspec
import psycopg
import structlog
from dramatiq.middleware.time_limit import TimeLimitExceeded
from structlog.contextvars import bound_contextvars

from ledger.errors import Reason, Refused
from workers.claims import Claim, LeaseLost, claim, complete, discard, try_again
from workers.crashpoints import CrashPoint, harmless
from workers.database import Clock, Pool, transaction
from workers.heartbeat import Heartbeat
from workers.jobs import Job
from workers.retries import (
    Chance,
    Defer,
    Failed,
    Failure,
    GiveUp,
    Retry,
    RetryRules,
    Tally,
    step_after,
)
from workers.spans import UNTRACED, Span, Spans


class Completed(msgspec.Struct, frozen=True):
    """The job reached its end."""


class Discarded(msgspec.Struct, frozen=True):
    """The job is over without success: a dead letter, and no further try."""

    reason: Reason


Verdict: TypeAlias = Completed | Discarded


class Again(msgspec.Struct, frozen=True):
    """The attempt failed and the job waits for the next one."""

    failure: Failure
    step: Retry | Defer


class Run(msgspec.Struct, frozen=True):
    """What a step function is given: its job and the crash points to pass."""

    job: Job
    crashpoint: CrashPoint = harmless


Count: TypeAlias = Callable[[str, str, int], None]
"""Takes the name of an actor, how an attempt of its ended, and how long it took (ms)."""


def uncounted(_actor: str, _outcome: str, _spent_ms: int) -> None:
    """Count nothing."""


def give_up(_run: Run, failure: Failure) -> Verdict:
    """End a job whose retries are exhausted: nothing else is to be done."""
    return Discarded(failure.reason)


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of work. `perform` may be run again from its start at any time.

    `exhausted` ends the subject's story after the last try.
    """

    name: str
    queue: str
    time_limit_seconds: int | None
    perform: Callable[[Run], Verdict]
    exhausted: Callable[[Run, Failure], Verdict] = give_up
    unforeseen: Reason = Reason.INTERNAL_SERVER_ERROR
    rules: RetryRules | None = None


class Outcome(TypedDict):
    """How an attempt ended, as logs tell it."""

    outcome: str
    reason: str | None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What every attempt of a process shares."""

    pool: Pool
    clock: Clock
    heartbeat: Heartbeat
    chance: Chance
    rules: RetryRules = RetryRules()
    crashpoint: CrashPoint = harmless
    count: Count = uncounted
    spans: Spans = UNTRACED

    def claim(self, job_id: str) -> Claim | None:
        """Take a job; committed before anything is done about it."""
        with transaction(self.pool) as connection:
            at, beat = self.clock(connection), self.heartbeat
            return claim(connection, job_id, at, beat.lease_seconds, beat.holder)


def attempt(frame: Frame, actor: Actor, job_id: str) -> None:
    """Try a job once, unless it is in other hands, not due, or over."""
    held = frame.claim(job_id)
    log = structlog.get_logger()
    if held is None:
        log.debug("job.passed_by", actor=actor.name, job_id=job_id)
        return
    with (
        frame.spans.attempt(held.job) as span,
        bound_contextvars(correlation_id=held.job.correlation_id, **span.ids),
        frame.heartbeat.holding(held, actor.time_limit_seconds),
    ):
        started = monotonic()
        log.info("job.started", **facts_of(held.job))
        frame.crashpoint("after_claim")
        ending = ending_of(frame, actor, Run(within(span, held.job), frame.crashpoint))
        frame.crashpoint("before_close")
        outcome = closed(frame, actor, held, ending)
        spent_ms = round((monotonic() - started) * 1000)
        frame.count(actor.name, outcome["outcome"], spent_ms)
        span.ended(outcome["outcome"], outcome["reason"])
        log.info("job.ended", **facts_of(held.job), duration_ms=spent_ms, **outcome)


def within(span: Span, job: Job) -> Job:
    """Return a job as its attempt sees it: what it causes follows from the attempt's own span."""
    if span.traceparent is None:
        return job
    return msgspec.structs.replace(job, traceparent=span.traceparent)


def ending_of(frame: Frame, actor: Actor, run: Run) -> Verdict | Again:
    """Do the work and say how the attempt ends."""
    try:
        return actor.perform(run)
    except Failed as failed:
        failure = failed.failure
    except Refused as refused:
        failure = Failure(refused.reason)
    except TimeLimitExceeded:
        failure = Failure(Reason.TIMEOUT)
    except Exception as unforeseen:  # noqa: BLE001  # any unforeseen failure is a system failure
        structlog.get_logger().exception("job.broke", exc_info=unforeseen)
        failure = Failure(actor.unforeseen)
    tally = Tally(run.job.failures, run.job.deferred_ms)
    step = step_after(failure, tally, actor.rules or frame.rules, frame.chance)
    if isinstance(step, GiveUp):
        return last_word(actor, run, failure)
    return Again(failure, step)


def last_word(actor: Actor, run: Run, failure: Failure) -> Verdict:
    """End the story of a job that gets no further try.

    What breaks here flies, so that the lease lapses and the attempt is run again; a refusal that
    is not about this moment is final.
    """
    try:
        return actor.exhausted(run, failure)
    except Refused as refused:
        if refused.reason.fact.retryable:
            raise
        return Discarded(refused.reason)


def closed(frame: Frame, actor: Actor, held: Claim, ending: Verdict | Again) -> Outcome:
    """Write down how the attempt ended; return it for the log."""
    try:
        with transaction(frame.pool) as connection:
            return close(connection, frame, actor, held, ending)
    except LeaseLost:
        return {"outcome": "lease_lost", "reason": None}


def close(
    connection: psycopg.Connection[Any],
    frame: Frame,
    actor: Actor,
    held: Claim,
    ending: Verdict | Again,
) -> Outcome:
    """Close the attempt in the database transaction of `connection`."""
    at = frame.clock(connection)
    match ending:
        case Completed():
            complete(connection, held, at)
            return {"outcome": "completed", "reason": None}
        case Discarded(reason=reason):
            failure = Failure(reason)
            rules = actor.rules or frame.rules
            max_attempts = 1 + len(rules.delays_of(failure.category))
            discard(connection, held, failure, max_attempts, at)
            return {"outcome": "discarded", "reason": reason}
        case Again(failure=failure, step=step):
            try_again(connection, held, failure, step, at)
            return {"outcome": "retryable", "reason": failure.reason}


def facts_of(job: Job) -> dict[str, Any]:
    """Return what every log line about a job says (jobs.md §10)."""
    return {
        "actor": job.actor,
        "queue": job.queue,
        "job_id": job.id,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "priority": job.priority,
        "subject_id": job.subject_id,
    }
