"""Shapes: what the log says, as ledger.md §11 writes it down; only what an audit asks for."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from ledger.events.event import Event, Sealed
from ledger.events.recorded import EVENT_TYPES
from schema.upcasters import current_version, upcast

S_co = TypeVar("S_co", covariant=True)


class Shape(msgspec.Struct, frozen=True, gc=False):
    """The fields of one kind of event that an audit needs; amounts are minor units."""

    name: ClassVar[str]


class Opened(Shape, frozen=True):
    name: ClassVar[str] = "AccountOpened"
    user_id: str
    currency: str
    account_type: str
    credit_limit: int


class LimitsChanged(Shape, frozen=True):
    name: ClassVar[str] = "AccountLimitsChanged"
    daily_limit: int | None = None


class CreditLimitChanged(Shape, frozen=True):
    name: ClassVar[str] = "AccountCreditLimitChanged"
    to: int


class Closed(Shape, frozen=True):
    name: ClassVar[str] = "AccountClosed"


class Linked(Shape, frozen=True):
    name: ClassVar[str] = "AccountLinked"


class HoldPlaced(Shape, frozen=True):
    name: ClassVar[str] = "HoldPlaced"
    hold_id: str
    amount: int
    expires_at: str | None = None


class HoldCaptured(Shape, frozen=True):
    name: ClassVar[str] = "HoldCaptured"
    hold_id: str
    amount: int
    final: bool


class HoldReleased(Shape, frozen=True):
    name: ClassVar[str] = "HoldReleased"
    hold_id: str
    amount: int


class HoldExpired(Shape, frozen=True):
    name: ClassVar[str] = "HoldExpired"
    hold_id: str
    amount: int


class Debited(Shape, frozen=True):
    name: ClassVar[str] = "AccountDebited"
    posting_id: str
    entry_id: str
    amount: int
    balance_after: int


class Credited(Shape, frozen=True):
    name: ClassVar[str] = "AccountCredited"
    posting_id: str
    entry_id: str
    amount: int
    balance_after: int


class UsageChanged(Shape, frozen=True):
    name: ClassVar[str] = "DailyUsageChanged"
    day: str
    delta: int
    cause: str


class Line(Shape, frozen=True):
    """An entry of a posting, signed from its account's point of view."""

    entry_id: str
    amount: int
    currency: str
    account_id: str | None = None
    account_code: str | None = None

    @property
    def account(self) -> str:
        """Return whose entry it is, a customer's or the house's."""
        return self.account_id or self.account_code or ""


class Booked(Shape, frozen=True):
    name: ClassVar[str] = "PostingBooked"
    posting_id: str
    kind: str
    entries: tuple[Line, ...]
    payment_id: str | None = None
    reverses_posting_id: str | None = None


class Created(Shape, frozen=True):
    name: ClassVar[str] = "PaymentCreated"
    user_id: str
    amount: int
    currency: str
    direction: str
    description: Sealed


class Edited(Shape, frozen=True):
    name: ClassVar[str] = "PaymentEdited"
    description: Sealed | None = None


class Started(Shape, frozen=True):
    name: ClassVar[str] = "PaymentProcessingStarted"


class Completed(Shape, frozen=True):
    name: ClassVar[str] = "PaymentCompleted"
    posting_id: str


class Failed(Shape, frozen=True):
    name: ClassVar[str] = "PaymentFailed"


class Cancelled(Shape, frozen=True):
    name: ClassVar[str] = "PaymentCancelled"


class QuoteIssued(Shape, frozen=True):
    name: ClassVar[str] = "FxQuoteIssued"
    source_currency: str
    destination_currency: str
    source_amount: int
    destination_amount: int
    expires_at: str


class QuoteUsed(Shape, frozen=True):
    name: ClassVar[str] = "FxQuoteUsed"
    transfer_id: str


class Transferred(Shape, frozen=True):
    name: ClassVar[str] = "TransferBooked"
    amount: int
    currency: str
    destination_amount: int
    destination_currency: str
    fx_quote_id: str | None = None


class Said(msgspec.Struct, Generic[S_co], frozen=True, gc=False):
    """The one field of an envelope that an audit needs."""

    data: S_co


SHAPES: dict[str, type[Shape]] = {
    each.name: each for each in Shape.__subclasses__() if hasattr(each, "name")
}
Reader = Callable[[bytes], Said[Any]]


def reader_of(shape: type[Shape] | type[Event]) -> Reader:
    """Return what reads one kind of event out of stored bytes."""
    return msgspec.json.Decoder(Said[shape]).decode  # type: ignore[valid-type]  # at run time


KINDS: dict[str, type[Event] | type[Shape]] = {**EVENT_TYPES, **SHAPES}
READERS: dict[str, Reader] = {name: reader_of(kind) for name, kind in KINDS.items()}
CURRENT = {name: current_version(name) for name in READERS}
read_any = msgspec.json.Decoder(Said[dict[str, Any]]).decode


def read(name: str, schema_version: int, data: bytes) -> Any:
    """Return what stored bytes say; raises when they are not what their name promises."""
    if schema_version == CURRENT[name]:
        return READERS[name](data).data
    lifted = upcast(name, schema_version, read_any(data).data)
    return msgspec.convert(lifted, KINDS[name])
