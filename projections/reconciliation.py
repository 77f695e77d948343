"""Reconciliation: where our books and outside banks differ, and how that ended (ledger.md §10)."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.reconciliation import (
    AmountMismatchFound,
    BalanceDiscrepancyFound,
    DiscrepancyResolved,
    FoundEvent,
    LateSettlementFound,
    PaymentMissingAtBank,
)
from projections.filters import currency, dates, enum, identity
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One discrepancy; amounts in minor units, `difference` is reported less ledger."""

    id: str
    kind: str
    account_id: str | None
    connection_id: str | None = None
    payment_id: str | None = None
    currency: str
    ledger_amount: int | None = None
    reported_amount: int | None = None
    difference: int | None = None
    status: str = "OPEN"
    note: str | None = None
    resolved_by: str | None = None
    found_at: str
    resolved_at: str | None = None
    version: int
    inserted_at: str
    updated_at: str


DISCREPANCY = Table("reconciliation", Discrepancy)
KINDS: dict[type[FoundEvent], str] = {
    BalanceDiscrepancyFound: "BALANCE",
    LateSettlementFound: "LATE_SETTLEMENT",
    AmountMismatchFound: "AMOUNT_MISMATCH",
    PaymentMissingAtBank: "MISSING_AT_BANK",
}


def balance_differs(fold: Fold, logged: Logged[BalanceDiscrepancyFound]) -> None:
    event = logged.event
    found(
        fold,
        logged,
        connection_id=event.connection_id,
        ledger_amount=event.ledger,
        reported_amount=event.reported,
        difference=event.reported - event.ledger,
    )


def amount_differs(fold: Fold, logged: Logged[AmountMismatchFound]) -> None:
    event = logged.event
    found(
        fold,
        logged,
        payment_id=event.payment_id,
        ledger_amount=event.ledger,
        reported_amount=event.reported,
        difference=event.reported - event.ledger,
    )


def settled_late(fold: Fold, logged: Logged[LateSettlementFound]) -> None:
    event = logged.event
    found(fold, logged, payment_id=event.payment_id, reported_amount=event.amount)


def is_missing(fold: Fold, logged: Logged[PaymentMissingAtBank]) -> None:
    event = logged.event
    found(fold, logged, payment_id=event.payment_id, ledger_amount=event.amount)


def found(fold: Fold, logged: Logged[Any], **told: Any) -> None:
    """Add what was found."""
    at = logged.recorded_at
    discrepancy = Discrepancy(
        id=logged.subject,
        kind=KINDS[type(logged.event)],
        account_id=logged.event.account_id,
        currency=logged.event.currency,
        found_at=at,
        version=logged.version,
        inserted_at=at,
        updated_at=at,
        **told,
    )
    fold.rows.of(DISCREPANCY).put(discrepancy)


def resolved(fold: Fold, logged: Logged[DiscrepancyResolved]) -> None:
    discrepancies, at = fold.rows.of(DISCREPANCY), logged.recorded_at
    discrepancy = replace(
        discrepancies.get(logged.subject),
        status="RESOLVED",
        note=logged.event.note,
        resolved_by=logged.event.by,
        resolved_at=at,
        version=logged.version,
        updated_at=at,
    )
    discrepancies.put(discrepancy)


def discrepancy_of(logged: Logged[DiscrepancyResolved]) -> Iterable[Key]:
    """Name the discrepancy that was resolved."""
    return ((DISCREPANCY, logged.subject),)


PROJECTOR = Projector(
    "reconciliation",
    (DISCREPANCY,),
    {
        BalanceDiscrepancyFound: On(balance_differs),
        AmountMismatchFound: On(amount_differs),
        LateSettlementFound: On(settled_late),
        PaymentMissingAtBank: On(is_missing),
        DiscrepancyResolved: On(resolved, discrepancy_of),
    },
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Discrepancies."""
    return await fetch_page(pool, LISTING, wanted, None)


SHAPE = """
id, kind, account_id, connection_id, payment_id, currency,
read.money(ledger_amount, currency) AS ledger_amount,
read.money(reported_amount, currency) AS reported_amount,
read.money(difference, currency) AS difference,
status, note, found_at, resolved_at, resolved_by, version, inserted_at, updated_at
"""
LISTING = Listing(
    name="reconciliation",
    table="read.reconciliation",
    shape=SHAPE,
    filters=(
        enum("status", "OPEN", "RESOLVED", reason=Reason.INVALID_STATUS),
        enum(
            "kind", *KINDS.values(), reason=Reason.INVALID_FIELD_VALUE,
        ),
        identity("account_id"),
        currency(),
        *dates("found_at"),
    ),
    sorts={
        "found_at": Sort("found_at"),
        "difference": Sort("read.amount(difference, currency)", "numeric", nullable=True),
        "status": Sort("status"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    usual="found_at:desc",
)  # fmt: skip
