"""What can have happened to a transfer: it is booked at once, or never was."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class TransferBooked(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "TransferBooked"
    source_account_id: str
    destination_account_id: str
    amount: int
    currency: str
    destination_amount: int
    destination_currency: str
    rate: str | None = None
    fx_quote_id: str | None = None
    description: Sealed
    reference: Sealed | None = None
    posting_id: str
    initiated_by: str


class TransferReversed(Event, frozen=True, kw_only=True):
    """`posting_id` is the posting that undid it."""

    stored_as: ClassVar[str] = "TransferReversed"
    posting_id: str


TransferEvent: TypeAlias = TransferBooked | TransferReversed
