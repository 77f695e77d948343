"""What can have happened to a payment, from the wish to its end (ledger.md §6.1)."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class PaymentCreated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentCreated"
    user_id: str
    user_bank_account_id: str
    amount: int
    currency: str
    direction: str
    payment_type: str
    description: Sealed
    reference: Sealed | None = None
    rail: str
    destination_account_id: str | None = None
    scheduled_at: str | None = None
    priority: int = 0
    processing: str = "manual"
    created_by: str


class PaymentEdited(Event, frozen=True, kw_only=True):
    """What a payment says from now on; None is left as it was."""

    stored_as: ClassVar[str] = "PaymentEdited"
    description: Sealed | None = None
    reference: Sealed | None = None


class PaymentCancelled(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentCancelled"
    cause: str
    by: str | None


class PaymentProcessingStarted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentProcessingStarted"
    hold_id: str | None
    trigger: str


class PaymentSubmitted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentSubmitted"
    rail_reference: str | None
    attempt: int


class PaymentCompleted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentCompleted"
    posting_id: str
    external_transaction_id: str | None
    posted_at: str


class PaymentFailed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentFailed"
    reason: str
    category: str
    attempts: int


class PaymentReversed(Event, frozen=True, kw_only=True):
    """`posting_id` is the posting that undid the payment's own; the payment stays COMPLETED."""

    stored_as: ClassVar[str] = "PaymentReversed"
    posting_id: str


PaymentEvent: TypeAlias = (
    PaymentCreated
    | PaymentEdited
    | PaymentCancelled
    | PaymentProcessingStarted
    | PaymentSubmitted
    | PaymentCompleted
    | PaymentFailed
    | PaymentReversed
)
