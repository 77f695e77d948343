"""Posting and transfer: booked once, at once; their state is the fact itself."""

from typing import TypeAlias

import msgspec

from ledger.entries import balanced
from ledger.events.posting import PostingBooked, PostingEvent
from ledger.events.transfer import TransferBooked, TransferEvent


class Unbooked(msgspec.Struct, frozen=True, tag="unbooked"):
    """Nothing was posted under this id."""


class Booked(msgspec.Struct, frozen=True, tag="booked"):
    """What was posted."""

    posting: PostingBooked


class Untransferred(msgspec.Struct, frozen=True, tag="untransferred"):
    """Nothing was transferred under this id."""


class Transferred(msgspec.Struct, frozen=True, tag="transferred"):
    """What was transferred, and when."""

    transfer: TransferBooked
    posted_at: str


Posting: TypeAlias = Unbooked | Booked
Transfer: TypeAlias = Untransferred | Transferred
UNBOOKED = Unbooked()
UNTRANSFERRED = Untransferred()


def evolve(posting: Posting, event: PostingEvent, _at: str) -> Posting:
    """Apply a fact; entries that do not balance can only come from a bug."""
    assert isinstance(posting, Unbooked), "a posting is booked once"
    assert balanced(event.entries), "a posting's entries sum to zero per currency"
    return Booked(event)


def evolve_transfer(transfer: Transfer, event: TransferEvent, at: str) -> Transfer:
    """Apply a fact."""
    assert isinstance(transfer, Untransferred), "a transfer is booked once"
    return Transferred(event, at)
