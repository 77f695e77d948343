"""Events as ledger.md §11 stores them, for logs that contain what no command here leads to."""

from typing import Any, ClassVar

from ledger.events.event import Event, Sealed
from ledger.identity import new_id


class AccountLimitsChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountLimitsChanged"
    daily_limit: int | None
    single_limit: int | None = None


class AccountCreditLimitChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountCreditLimitChanged"
    to: int


class AccountClosed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountClosed"


class HoldExpired(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "HoldExpired"
    hold_id: str
    amount: int


class PaymentEdited(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PaymentEdited"
    description: Sealed | None = None
    reference: Sealed | None = None


class FxQuoteIssued(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "FxQuoteIssued"
    source_currency: str
    destination_currency: str
    source_amount: int
    destination_amount: int
    rate: str
    rate_source: str
    rate_as_of: str
    expires_at: str


class FxQuoteUsed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "FxQuoteUsed"
    transfer_id: str


def quote(expires_at: str = "2999-01-01T00:00:00.000000Z", **terms: Any) -> FxQuoteIssued:
    """Return a quote of 1.00 USD for 0.90 EUR."""
    fields: dict[str, Any] = {
        "source_currency": "USD",
        "destination_currency": "EUR",
        "source_amount": 100,
        "destination_amount": 90,
        "rate": "0.9",
        "rate_source": "table",
        "rate_as_of": "2025-03-01T00:00:00.000000Z",
    }
    return FxQuoteIssued(expires_at=expires_at, **fields | terms)


def quoted() -> tuple[str, str]:
    """Return a new quote id and its stream."""
    quote_id = new_id()
    return quote_id, f"quote-{quote_id}"
