"""The payment process: started → submitted to its rail → completed or failed (ledger.md §6.4)."""

from typing import TypeAlias

import msgspec

from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentFailed,
    PaymentProcessingStarted,
)
from ledger.events.recorded import Recorded
from workers.jobs import JobWanted
from workers.process_managers import Ended, ProcessManager, Unseen

QUEUE = "payments"
START = "start_payment"
PROCESS = "process_payment"


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


PaymentProcess: TypeAlias = Unseen | Pending | Processing | Ended


def evolve(process: PaymentProcess, recorded: Recorded) -> PaymentProcess:
    """Fold one event of a payment into what its process remembers."""
    match process, recorded.event:
        case _, PaymentCreated(priority=priority, scheduled_at=scheduled_at):
            return Pending(priority, due_at(scheduled_at, recorded))
        case Pending(priority=priority) | Processing(priority=priority), PaymentProcessingStarted():
            return Processing(priority)
        case _, PaymentCompleted() | PaymentFailed() | PaymentCancelled():
            return Ended()
        case _, event:
            raise AssertionError(f"{event} cannot follow {process}")


def due_at(scheduled_at: str | None, recorded: Recorded) -> Due | None:
    """Return when a payment is due, if it has a date."""
    if scheduled_at is None:
        return None
    metadata, event_id = recorded.envelope.metadata, recorded.envelope.id
    return Due(scheduled_at, metadata.correlation_id, event_id, metadata.traceparent)


def react(process: PaymentProcess, recorded: Recorded) -> list[JobWanted]:
    """Say what should follow an event, given the payment after its whole command. Pure."""
    match process, recorded.event:
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


def payment_of(recorded: Recorded) -> str:
    """Return the payment whose stream an event is of."""
    return recorded.envelope.stream_id.removeprefix("payment-")


MANAGER = "payment"
PAYMENTS = ProcessManager(
    name=MANAGER,
    events=frozenset(
        event.stored_as
        for event in (
            PaymentCreated,
            PaymentProcessingStarted,
            PaymentCompleted,
            PaymentFailed,
            PaymentCancelled,
        )
    ),
    states=PaymentProcess,
    key=payment_of,
    evolve=evolve,
    react=react,
)
