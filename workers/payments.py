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


class Pending(msgspec.Struct, frozen=True, tag="pending"):
    """Created, not started."""

    priority: int


class Processing(msgspec.Struct, frozen=True, tag="processing"):
    """Started; its money is on its way."""

    priority: int


PaymentProcess: TypeAlias = Unseen | Pending | Processing | Ended


def evolve(process: PaymentProcess, recorded: Recorded) -> PaymentProcess:
    """Fold one event of a payment into what its process remembers."""
    match process, recorded.event:
        case _, PaymentCreated(priority=priority):
            return Pending(priority)
        case Pending(priority=priority) | Processing(priority=priority), PaymentProcessingStarted():
            return Processing(priority)
        case _, PaymentCompleted() | PaymentFailed() | PaymentCancelled():
            return Ended()
        case _, event:
            raise AssertionError(f"{event} cannot follow {process}")


def react(process: PaymentProcess, recorded: Recorded) -> list[JobWanted]:
    """Say what should follow an event, given the payment after its whole command. Pure."""
    match process, recorded.event:
        case Pending(priority=priority), PaymentCreated(processing="auto", scheduled_at=None):
            return [job_for(START, recorded, priority)]
        case Processing(priority=priority), PaymentProcessingStarted():
            return [job_for(PROCESS, recorded, priority)]
        case _:
            return []


def job_for(actor: str, recorded: Recorded, priority: int) -> JobWanted:
    """Return the one job of `actor` that a payment has: caused by the payment, unique by it."""
    payment_id = payment_of(recorded)
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


PAYMENTS = ProcessManager(
    name="payment",
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
