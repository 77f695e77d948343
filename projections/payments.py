"""Payments: every wish to move money, and what became of it (ledger.md §6)."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentCreated,
    PaymentEdited,
    PaymentFailed,
    PaymentProcessingStarted,
    PaymentReversed,
    PaymentSubmitted,
)
from ledger.events.user import UserDeleted
from projections.erasing import erasing, key_of
from projections.filters import SEARCH, amounts, currency, dates, enum, identity
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Payment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One payment."""

    id: str
    user_id: str
    user_bank_account_id: str
    amount: int
    currency: str
    direction: str
    payment_type: str
    description: str | None
    reference: str | None
    description_key: str | None
    reference_key: str | None
    status: str = "PENDING"
    processing: str
    priority: int
    scheduled_at: str | None
    rail: str
    destination_account_id: str | None
    hold_id: str | None = None
    posting_id: str | None = None
    reversal_posting_id: str | None = None
    external_transaction_id: str | None = None
    failure_reason: str | None = None
    processing_started_at: str | None = None
    failed_at: str | None = None
    posted_at: str | None = None
    created_by: str
    version: int
    inserted_at: str
    updated_at: str


PAYMENT = Table("payments", Payment, texted=True)


def created(fold: Fold, logged: Logged[PaymentCreated]) -> None:
    event = logged.event
    payment = Payment(
        id=logged.subject,
        user_id=event.user_id,
        user_bank_account_id=event.user_bank_account_id,
        amount=event.amount,
        currency=event.currency,
        direction=event.direction,
        payment_type=event.payment_type,
        description=fold.known.text(event.description),
        reference=fold.known.text(event.reference),
        description_key=key_of(fold.known, event.description),
        reference_key=key_of(fold.known, event.reference),
        processing=event.processing,
        priority=event.priority,
        scheduled_at=event.scheduled_at,
        rail=event.rail,
        destination_account_id=event.destination_account_id,
        created_by=event.created_by,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(PAYMENT).put(payment)


def edited(fold: Fold, logged: Logged[PaymentEdited]) -> None:
    event = logged.event
    texts = {"description": event.description, "reference": event.reference}
    told = {name: fold.known.text(text) for name, text in texts.items() if text is not None}
    change(fold, logged, **told)


def cancelled(fold: Fold, logged: Logged[PaymentCancelled]) -> None:
    change(fold, logged, status="CANCELLED")


def started(fold: Fold, logged: Logged[PaymentProcessingStarted]) -> None:
    at, hold_id = logged.recorded_at, logged.event.hold_id
    change(fold, logged, status="PROCESSING", hold_id=hold_id, processing_started_at=at)


def completed(fold: Fold, logged: Logged[PaymentCompleted]) -> None:
    event = logged.event
    change(
        fold,
        logged,
        status="COMPLETED",
        posting_id=event.posting_id,
        external_transaction_id=event.external_transaction_id,
        posted_at=event.posted_at,
    )


def failed(fold: Fold, logged: Logged[PaymentFailed]) -> None:
    reason, at = logged.event.reason, logged.recorded_at
    change(fold, logged, status="FAILED", failure_reason=reason, failed_at=at)


def undone(fold: Fold, logged: Logged[PaymentReversed]) -> None:
    change(fold, logged, reversal_posting_id=logged.event.posting_id)


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the payment of `logged`; every event of its stream is a new version."""
    payments = fold.rows.of(PAYMENT)
    payment = payments.get(logged.subject)
    payments.put(replace(payment, version=logged.version, updated_at=logged.recorded_at, **changes))


def payment_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the payment that `logged` happened to."""
    return ((PAYMENT, logged.subject),)


PROJECTOR = Projector(
    "payments",
    (PAYMENT,),
    {
        UserDeleted: erasing(PAYMENT),
        PaymentCreated: On(created),
        PaymentEdited: On(edited, payment_of),
        PaymentCancelled: On(cancelled, payment_of),
        PaymentProcessingStarted: On(started, payment_of),
        PaymentSubmitted: On(change, payment_of),
        PaymentCompleted: On(completed, payment_of),
        PaymentFailed: On(failed, payment_of),
        PaymentReversed: On(undone, payment_of),
    },
)


async def page(pool: Pool, wanted: Wanted, owner: str | None) -> Page:
    """Return Payments of `owner`; None means everybody's."""
    return await fetch_page(pool, LISTING, wanted, owner)


async def one(pool: Pool, payment_id: str) -> Item | None:
    """Return one Payment and its owner."""
    return await fetch_item(pool, ONE, {"id": payment_id})


SHAPE = """
id, user_id, user_bank_account_id, read.money(amount, currency) AS amount, currency, direction,
payment_type, description, reference, status, processing, priority, scheduled_at, rail,
destination_account_id, hold_id, posting_id, reversal_posting_id, external_transaction_id,
failure_reason, processing_started_at, failed_at, posted_at, version, inserted_at, updated_at
"""
ONE = item_query("read.payments", SHAPE, "version", "ARRAY[user_id::text]")
STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED")
TYPES = ("TRANSFER", "PAYMENT", "DEPOSIT", "WITHDRAWAL")
LISTING = Listing(
    name="payments",
    table="read.payments",
    shape=SHAPE,
    filters=(
        enum("status", *STATUSES, reason=Reason.INVALID_STATUS),
        enum("direction", "CREDIT", "DEBIT", reason=Reason.INVALID_DIRECTION),
        enum("payment_type", *TYPES, reason=Reason.INVALID_PAYMENT_TYPE),
        currency(),
        identity("account_id", "user_bank_account_id"),
        *dates("inserted_at"),
        *amounts(),
        SEARCH,
    ),
    sorts={
        "amount": Sort("read.amount(amount, currency)", "numeric"),
        "status": Sort("status"),
        "direction": Sort("direction"),
        "payment_type": Sort("payment_type"),
        "currency": Sort("currency"),
        "posted_at": Sort("posted_at", nullable=True),
        "scheduled_at": Sort("scheduled_at", nullable=True),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    owner=("user_id = %(owner)s",),
)
