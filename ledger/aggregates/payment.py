"""Payment: PENDING → PROCESSING → COMPLETED | FAILED, or CANCELLED, as a table (ledger.md §6.1)."""

from typing import TypeAlias

import msgspec

from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    EditPayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.errors import Reason, Refused
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentEdited,
    PaymentEvent,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentReversed,
    PaymentSubmitted,
)

PaymentCommand: TypeAlias = (
    CreatePayment
    | EditPayment
    | ProcessPayment
    | CancelPayment
    | RecordSubmission
    | CompletePayment
    | FailPayment
)


class Uncreated(msgspec.Struct, frozen=True, tag="uncreated"):
    """Nobody has asked yet."""


class Pending(msgspec.Struct, frozen=True, tag="PENDING"):
    """Asked for; nothing promised, nothing booked."""

    terms: PaymentCreated


class Processing(msgspec.Struct, frozen=True, tag="PROCESSING"):
    """On its way: funds held for a DEBIT; from the first submission on it cannot be cancelled."""

    terms: PaymentCreated
    hold_id: str | None
    trigger: str
    started_at: str
    submissions: int = 0
    rail_reference: str | None = None


class Completed(msgspec.Struct, frozen=True, tag="COMPLETED"):
    """Booked by exactly one posting, which may have been reversed since."""

    terms: PaymentCreated
    hold_id: str | None
    started_at: str
    posting_id: str
    external_transaction_id: str | None
    posted_at: str
    reversal_posting_id: str | None = None


class Failed(msgspec.Struct, frozen=True, tag="FAILED"):
    """Ended without a posting, for a catalogued reason."""

    terms: PaymentCreated
    hold_id: str | None
    started_at: str
    reason: str
    failed_at: str


class Cancelled(msgspec.Struct, frozen=True, tag="CANCELLED"):
    """Called off before anything happened."""

    terms: PaymentCreated


Payment: TypeAlias = Uncreated | Pending | Processing | Completed | Failed | Cancelled
Existing: TypeAlias = Pending | Processing | Completed | Failed | Cancelled
UNCREATED = Uncreated()


def refuse_unless_pending(payment: Payment) -> Pending:
    """Return the payment if it still waits; refuse when it is unknown or past that."""
    match payment:
        case Pending():
            return payment
        case Uncreated():
            raise Refused(Reason.PAYMENT_NOT_FOUND)
        case _:
            raise Refused(Reason.ALREADY_PROCESSED, status=status_of(payment))


def status_of(payment: Existing) -> str:
    """Return the wire's word for the state."""
    tag = payment.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def submit(payment: Payment, command: RecordSubmission) -> list[PaymentEvent]:
    """Record that the payment goes to its rail; the same attempt once."""
    match payment:
        case Processing() if payment.submissions >= command.attempt and (
            command.rail_reference in {None, payment.rail_reference}
        ):
            return []
        case Processing():
            return [
                PaymentSubmitted(rail_reference=command.rail_reference, attempt=command.attempt)
            ]
        case Uncreated():
            raise Refused(Reason.PAYMENT_NOT_FOUND)
        case Pending() | Completed() | Failed() | Cancelled():
            raise Refused(Reason.ALREADY_PROCESSED, status=status_of(payment))


def evolve(payment: Payment, event: PaymentEvent, at: str) -> Payment:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match payment, event:
        case Uncreated(), PaymentCreated():
            return Pending(event)
        case Pending(), PaymentProcessingStarted(hold_id=hold_id, trigger=trigger):
            return Processing(payment.terms, hold_id, trigger, at)
        case Pending(), PaymentEdited():
            return Pending(edited(payment.terms, event))
        case Pending(), PaymentCancelled():
            return Cancelled(payment.terms)
        case Processing(), PaymentSubmitted(attempt=attempt, rail_reference=reference):
            known, most = reference or payment.rail_reference, max(attempt, payment.submissions)
            return msgspec.structs.replace(payment, submissions=most, rail_reference=known)
        case Processing(), PaymentCompleted():
            return completed(payment, event)
        case Processing(), PaymentFailed(reason=reason):
            return Failed(payment.terms, payment.hold_id, payment.started_at, reason, at)
        case Completed(reversal_posting_id=None), PaymentReversed(posting_id=posting_id):
            return msgspec.structs.replace(payment, reversal_posting_id=posting_id)
        case _:
            raise AssertionError(f"{type(event).__name__} cannot follow {type(payment).__name__}")


def edited(terms: PaymentCreated, event: PaymentEdited) -> PaymentCreated:
    """Return what a payment says once it was edited."""
    return msgspec.structs.replace(
        terms,
        description=event.description or terms.description,
        reference=event.reference or terms.reference,
    )


def completed(payment: Processing, event: PaymentCompleted) -> Completed:
    """Return the final state of a payment that was booked."""
    return Completed(
        payment.terms,
        payment.hold_id,
        payment.started_at,
        event.posting_id,
        event.external_transaction_id,
        event.posted_at,
    )
