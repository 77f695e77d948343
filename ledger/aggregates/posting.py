"""Posting and transfer: booked once, undone at most once; their state is the fact itself."""

from typing import TypeAlias

import msgspec

from ledger.entries import balanced
from ledger.events.posting import PostingBooked, PostingEvent, PostingReversed
from ledger.events.transfer import TransferBooked, TransferEvent, TransferReversed


class Unbooked(msgspec.Struct, frozen=True, tag="unbooked"):
    """Nothing was posted under this id."""


class Booked(msgspec.Struct, frozen=True, tag="booked"):
    """What was posted, and when."""

    posting: PostingBooked
    booked_at: str


class Reversed(msgspec.Struct, frozen=True, tag="reversed"):
    """What was posted, and the posting that undid it."""

    posting: PostingBooked
    booked_at: str
    reversal_posting_id: str


class Untransferred(msgspec.Struct, frozen=True, tag="untransferred"):
    """Nothing was transferred under this id."""


class Transferred(msgspec.Struct, frozen=True, tag="transferred"):
    """What was transferred, when, and the posting that undid it, if any."""

    transfer: TransferBooked
    posted_at: str
    reversal_posting_id: str | None = None


Posting: TypeAlias = Unbooked | Booked | Reversed
Transfer: TypeAlias = Untransferred | Transferred
UNBOOKED = Unbooked()
UNTRANSFERRED = Untransferred()


def evolve(posting: Posting, event: PostingEvent, at: str) -> Posting:
    """Apply a fact; entries that do not balance can only come from a bug."""
    match posting, event:
        case Unbooked(), PostingBooked():
            assert balanced(event.entries), "a posting's entries sum to zero per currency"
            return Booked(event, at)
        case Booked(), PostingReversed(reversal_posting_id=undone_by):
            return Reversed(posting.posting, posting.booked_at, undone_by)
        case _:
            raise AssertionError("a posting is booked once and reversed at most once")


def evolve_transfer(transfer: Transfer, event: TransferEvent, at: str) -> Transfer:
    """Apply a fact."""
    match transfer, event:
        case Untransferred(), TransferBooked():
            return Transferred(event, at)
        case Transferred(reversal_posting_id=None), TransferReversed(posting_id=posting_id):
            return msgspec.structs.replace(transfer, reversal_posting_id=posting_id)
        case _:
            raise AssertionError("a transfer is booked once and reversed at most once")
