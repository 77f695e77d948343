"""The payment process: started → submitted to its rail → completed or failed (ledger.md §6.4)."""

from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import msgspec

from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentSubmitted,
)
from ledger.events.recorded import Recorded
from ledger.times import later
from workers.effects import Effect, JobUnwanted
from workers.jobs import JobWanted, job_id
from workers.process_managers import Ended, ProcessManager, Unseen

QUEUE = "payments"
START = "start_payment"
PROCESS = "process_payment"
POLL = "poll_payment"
OVERDUE = {"overdue": "yes"}
"""Arguments of the look at a payment after which its settlement is late."""


class Due(msgspec.Struct, frozen=True):
    """When a payment starts by itself, and the story it then goes on with."""

    at: str
    correlation_id: str
    causation_id: str
    traceparent: str | None


class Pending(msgspec.Struct, frozen=True, tag="pending"):
    """Created, not started; `due` when it has a date."""

    priority: int
    due: Due | None = None


class Processing(msgspec.Struct, frozen=True, tag="processing"):
    """Started; its money is on its way."""

    priority: int


class Awaiting(msgspec.Struct, frozen=True, tag="awaiting"):
    """Accepted by its rail, which settles later: looked at from `poll_at` on, overdue one day.

    `accepted_by` is the event that said so first.
    """

    priority: int
    poll_at: str
    accepted_by: str
    correlation_id: str


class Settled(Ended, frozen=True, tag="settled"):
    """Over, after its rail let it wait."""


PaymentProcess: TypeAlias = Unseen | Pending | Processing | Awaiting | Ended


class Patience(msgspec.Struct, frozen=True):
    """After how long a rail that accepted is asked again, and how long it may take to settle."""

    poll_seconds: int = 60
    overdue_hours: int = 24


def evolve(patience: Patience, process: PaymentProcess, recorded: Recorded) -> PaymentProcess:
    """Fold one event of a payment into what its process remembers."""
    match process, recorded.event:
        case _, PaymentSubmitted(rail_reference=reference):
            return process if reference is None else accepted(patience, process, recorded)
        case _, PaymentCreated(priority=priority, scheduled_at=scheduled_at):
            return Pending(priority, due_at(scheduled_at, recorded))
        case Pending(priority=priority) | Processing(priority=priority), PaymentProcessingStarted():
            return Processing(priority)
        case _, PaymentCompleted() | PaymentFailed() | PaymentCancelled():
            return Settled() if isinstance(process, Awaiting) else Ended()
        case _, event:
            raise AssertionError(f"{event} cannot follow {process}")


def accepted(patience: Patience, process: PaymentProcess, recorded: Recorded) -> PaymentProcess:
    """Return a payment whose rail has accepted it; the first time counts."""
    if not isinstance(process, Processing):
        return process
    poll_at = later(recorded.envelope.recorded_at, timedelta(seconds=patience.poll_seconds))
    metadata, event_id = recorded.envelope.metadata, recorded.envelope.id
    return Awaiting(process.priority, poll_at, event_id, metadata.correlation_id)


def due_at(scheduled_at: str | None, recorded: Recorded) -> Due | None:
    """Return when a payment is due, if it has a date."""
    if scheduled_at is None:
        return None
    metadata, event_id = recorded.envelope.metadata, recorded.envelope.id
    return Due(scheduled_at, metadata.correlation_id, event_id, metadata.traceparent)


def react(patience: Patience, process: PaymentProcess, recorded: Recorded) -> list[Effect]:
    """Say what should follow an event, given the payment after its whole command. Pure."""
    match process, recorded.event:
        case Awaiting(priority=priority, accepted_by=first), PaymentSubmitted():
            is_first = first == recorded.envelope.id
            return [time_out(patience, recorded, priority)] if is_first else []
        case Settled(), PaymentCompleted() | PaymentFailed():
            return [JobUnwanted(job_id(POLL, overdue_of(payment_of(recorded))))]
        case Pending(priority=priority), PaymentCreated(processing="auto", scheduled_at=None):
            return [job_for(START, payment_of(recorded), priority)]
        case Processing(priority=priority), PaymentProcessingStarted():
            return [job_for(PROCESS, payment_of(recorded), priority)]
        case _:
            return []


def job_for(actor: str, payment_id: str, priority: int) -> JobWanted:
    """Return the one job of `actor` that a payment has: caused by the payment, unique by it."""
    return JobWanted(
        actor=actor,
        queue=QUEUE,
        subject_type="payment",
        subject_id=payment_id,
        cause=payment_id,
        priority=priority,
        unique_key=f"{actor}/{payment_id}",
    )


def time_out(patience: Patience, recorded: Recorded, priority: int) -> JobWanted:
    """Return the last look at a payment, recorded beforehand: by then it must have settled."""
    payment_id = payment_of(recorded)
    due = later(recorded.envelope.recorded_at, timedelta(hours=patience.overdue_hours))
    return msgspec.structs.replace(
        job_for(POLL, payment_id, priority),
        cause=overdue_of(payment_id),
        unique_key=None,
        scheduled_at=datetime.fromisoformat(due),
        arguments=OVERDUE,
    )


def overdue_of(payment_id: str) -> str:
    """Return the cause of the last look at a payment."""
    return f"{payment_id}/overdue"


def poll_of(payment_id: str, priority: int, turn: str) -> JobWanted:
    """Return the look at a payment in one turn of the schedule."""
    job = job_for(POLL, payment_id, priority)
    return msgspec.structs.replace(job, cause=f"{payment_id}/{turn}")


def payment_of(recorded: Recorded) -> str:
    """Return the payment whose stream an event is of."""
    return recorded.envelope.stream_id.removeprefix("payment-")


MANAGER = "payment"
EVENTS = (
    PaymentCreated,
    PaymentProcessingStarted,
    PaymentSubmitted,
    PaymentCompleted,
    PaymentFailed,
    PaymentCancelled,
)


def payments_with(patience: Patience) -> ProcessManager:
    """Return the payment process with as much patience for rails that settle later."""
    return ProcessManager(
        name=MANAGER,
        events=frozenset(event.stored_as for event in EVENTS),
        states=PaymentProcess,
        key=payment_of,
        evolve=partial(evolve, patience),
        react=partial(react, patience),
    )


PAYMENTS = payments_with(Patience())
