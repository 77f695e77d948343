"""What can have happened to an accounting period: one calendar month (UTC) of effective times."""

from typing import ClassVar, TypeAlias

import msgspec

from ledger.events.event import Event


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a sealed trial balance; sums of minor units are text, beyond 64 bits if need be.

    `customers:<ccy>` stands for all customers' accounts of a currency.
    """

    code: str
    currency: str
    debit_total: str
    credit_total: str


class PeriodClosed(Event, frozen=True, kw_only=True):
    """`sums` hold what was known at log position `position`; `digest` is their SHA-256 in hex."""

    stored_as: ClassVar[str] = "PeriodClosed"
    period: str
    position: int
    sums: tuple[Sum, ...]
    digest: str


class PeriodReopened(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "PeriodReopened"
    reason: str


class PeriodRestated(Event, frozen=True, kw_only=True):
    """A posting was booked after the period was over and counts inside it."""

    stored_as: ClassVar[str] = "PeriodRestated"
    posting_id: str


PeriodEvent: TypeAlias = PeriodClosed | PeriodReopened | PeriodRestated
