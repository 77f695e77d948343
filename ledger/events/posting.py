"""What can have been posted: balanced entries, booked once, never changed."""

from typing import ClassVar, TypeAlias

from ledger.entries import Entry
from ledger.events.event import Event, Sealed


class PostingBooked(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PostingBooked"
    posting_id: str
    kind: str
    entries: tuple[Entry, ...]
    description: Sealed | None = None
    reference: Sealed | None = None
    payment_id: str | None = None
    transfer_id: str | None = None
    hold_id: str | None = None
    reverses_posting_id: str | None = None
    reason: str | None = None


class PostingReversed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PostingReversed"
    reversal_posting_id: str


PostingEvent: TypeAlias = PostingBooked | PostingReversed
