"""Commands about payments (ledger.md §6)."""

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class CreatePayment(Command, frozen=True, kw_only=True):
    """`amount` is decimal text of the account's currency; `currency`, when given, must be that."""

    payment_id: str
    user_bank_account_id: str
    amount: str
    currency: str | None
    direction: str
    payment_type: str
    description: PersonalText
    reference: PersonalText | None = None
    destination_account_id: str | None = None
    scheduled_at: str | None = None
    priority: int = 0
    processing: str = "manual"


class RehearsePayment(CreatePayment, frozen=True, kw_only=True):
    """Say what would become of a payment that were created and processed now (ledger.md §6.2)."""


class EditPayment(Command, frozen=True, kw_only=True):
    """Change what a payment says while it waits; None leaves a text as it is."""

    payment_id: str
    description: PersonalText | None = None
    reference: PersonalText | None = None


class ProcessPayment(Command, frozen=True, kw_only=True):
    """Start one payment; `trigger` is caller, auto, schedule or webhook."""

    payment_id: str
    trigger: str = "caller"


class CancelPayment(Command, frozen=True, kw_only=True):
    payment_id: str
    cause: str = "caller"


class RecordSubmission(Command, frozen=True, kw_only=True):
    """Say that the payment goes to its rail; from now on nobody can cancel it."""

    payment_id: str
    rail_reference: str | None
    attempt: int


class CompletePayment(Command, frozen=True, kw_only=True):
    """Capture the hold, book the posting and complete the payment: all or nothing."""

    payment_id: str
    posting_id: str
    external_transaction_id: str | None = None


class FailPayment(Command, frozen=True, kw_only=True):
    """Release the hold and end the payment with a catalogued reason."""

    payment_id: str
    reason: str
    category: str
    attempts: int
