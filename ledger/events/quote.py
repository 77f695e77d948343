"""What can have happened to an FX quote: rate and amounts locked, then used once or never."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class FxQuoteIssued(Event, frozen=True, kw_only=True):
    """`rate` is decimal text: units of the destination for one unit of the source."""

    stored_as: ClassVar[str] = "FxQuoteIssued"
    source_currency: str
    destination_currency: str
    source_amount: int
    destination_amount: int
    rate: str
    rate_source: str
    rate_as_of: str
    expires_at: str
    issued_to: str


class FxQuoteUsed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "FxQuoteUsed"
    transfer_id: str


QuoteEvent: TypeAlias = FxQuoteIssued | FxQuoteUsed
