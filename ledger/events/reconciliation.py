"""What can have been found to differ between our books and an outside bank, and how it ended."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class BalanceDiscrepancyFound(Event, frozen=True, kw_only=True):
    """`ledger` and `reported` are minor units."""

    stored_as: ClassVar[str] = "BalanceDiscrepancyFound"
    account_id: str
    connection_id: str
    ledger: int
    reported: int
    currency: str


class LateSettlementFound(Event, frozen=True, kw_only=True):
    """A rail settled a payment that had ended without; `amount` in minor units."""

    stored_as: ClassVar[str] = "LateSettlementFound"
    payment_id: str
    account_id: str
    amount: int
    currency: str


class AmountMismatchFound(Event, frozen=True, kw_only=True):
    """The other side names another amount than the payment; both in minor units."""

    stored_as: ClassVar[str] = "AmountMismatchFound"
    payment_id: str
    account_id: str
    ledger: int
    reported: int
    currency: str


class PaymentMissingAtBank(Event, frozen=True, kw_only=True):
    """A payment that was completed is not in the bank's history; `amount` in minor units."""

    stored_as: ClassVar[str] = "PaymentMissingAtBank"
    payment_id: str
    account_id: str
    amount: int
    currency: str


class DiscrepancyResolved(Event, frozen=True, kw_only=True):
    """`by` is None when the two sides agree by themselves; `posting_id` adjusted our books."""

    stored_as: ClassVar[str] = "DiscrepancyResolved"
    note: str | None = None
    by: str | None = None
    posting_id: str | None = None


FoundEvent: TypeAlias = (
    BalanceDiscrepancyFound | LateSettlementFound | AmountMismatchFound | PaymentMissingAtBank
)
ReconciliationEvent: TypeAlias = FoundEvent | DiscrepancyResolved
