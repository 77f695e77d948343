"""Transactions: a customer's view of every entry on an account (ledger.md §4)."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import AccountCredited, AccountDebited, AccountOpened
from ledger.events.connection import (
    BankTransactionAmended,
    BankTransactionDropped,
    BankTransactionImported,
    BankTransactionPosted,
)
from ledger.events.payment import PaymentCreated
from ledger.events.posting import PostingBooked
from ledger.events.transfer import TransferBooked
from ledger.events.user import UserDeleted
from ledger.identity import numbered_id
from projections.erasing import erasing, key_of
from projections.filters import SEARCH, amounts, currency, dates, enum, identity
from projections.items import Item, fetch_item, item_query
from projections.known import Known
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry. `named_by` is who named the counterparty, and so may see it."""

    id: str
    account_id: str
    user_id: str
    type: str
    status: str = "POSTED"
    amount: int
    currency: str
    direction: str
    description: str | None
    reference: str | None
    description_key: str | None
    reference_key: str | None
    balance_after: int | None = None
    posting_id: str | None
    payment_id: str | None
    transfer_id: str | None
    external_id: str | None = None
    counterparty_account_id: str | None
    counterparty_user_id: str | None
    named_by: str | None
    position: int
    booked_at: str
    inserted_at: str
    updated_at: str


KINDS = (
    "TRANSFER",
    "PAYMENT",
    "DEPOSIT",
    "WITHDRAWAL",
    "OPENING",
    "FEE",
    "FX",
    "IMPORT",
    "ADJUSTMENT",
    "REVERSAL",
)
TRANSACTION = Table("transactions", Transaction, kept=False, texted=True)


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    event, at, known = logged.event, logged.recorded_at, fold.known
    transactions = fold.rows.of(TRANSACTION)
    description, reference = known.text(event.description), known.text(event.reference)
    description_key = key_of(known, event.description)
    reference_key = key_of(known, event.reference)
    customers = [entry for entry in event.entries if entry.account_id is not None]
    named_by = namer(known, event)
    for entry in customers:
        account_id = entry.account_id or ""
        other = counterparty(customers, account_id)
        pending = transactions.find(entry.entry_id)
        transaction = Transaction(
            id=entry.entry_id,
            account_id=account_id,
            user_id=known.account(account_id).user_id,
            type=event.kind,
            amount=abs(entry.amount),
            currency=entry.currency,
            direction="CREDIT" if entry.amount > 0 else "DEBIT",
            description=description,
            reference=reference,
            description_key=description_key,
            reference_key=reference_key,
            posting_id=event.posting_id,
            payment_id=event.payment_id,
            transfer_id=event.transfer_id,
            counterparty_account_id=other,
            counterparty_user_id=known.account(other).user_id if other else None,
            named_by=named_by,
            position=logged.position,
            booked_at=at,
            inserted_at=at if pending is None else pending.inserted_at,
            updated_at=at,
        )
        transactions.put(transaction)


def balance_told(fold: Fold, logged: Logged[AccountDebited | AccountCredited]) -> None:
    """Add the balance after an entry; it is told in the command that booked the entry."""
    transactions = fold.rows.of(TRANSACTION)
    transaction = transactions.get(logged.event.entry_id)
    transactions.put(replace(transaction, balance_after=logged.event.balance_after))


def imported(fold: Fold, logged: Logged[BankTransactionImported]) -> None:
    """Tell a line that an outside bank has yet to book; name one that was booked just now."""
    event, at, known = logged.event, logged.recorded_at, fold.known
    if event.provider_status != "pending":
        return named(fold, logged)
    transactions = fold.rows.of(TRANSACTION)
    before = transactions.find(event.transaction_id)
    pending = Transaction(
        id=event.transaction_id,
        account_id=event.account_id,
        user_id=known.account(event.account_id).user_id,
        type="IMPORT",
        status="PENDING",
        amount=abs(event.amount),
        currency=event.currency,
        direction="CREDIT" if event.amount > 0 else "DEBIT",
        description=known.text(event.description),
        reference=None,
        description_key=key_of(known, event.description),
        reference_key=None,
        posting_id=None,
        payment_id=None,
        transfer_id=None,
        external_id=event.external_id,
        counterparty_account_id=None,
        counterparty_user_id=None,
        named_by=None,
        position=logged.position,
        booked_at=at,
        inserted_at=at if before is None else before.inserted_at,
        updated_at=at,
    )
    return transactions.put(pending)


def named(fold: Fold, logged: Logged[BankTransactionImported | BankTransactionPosted]) -> None:
    """Give a booked line the name its bank knows it by; one of no amount is not told."""
    event, transactions = logged.event, fold.rows.of(TRANSACTION)
    known = transactions.find(event.transaction_id)
    if event.posting_id is None:
        return None if known is None else transactions.drop(event.transaction_id)
    booked_now = transactions.get(event.transaction_id)
    return transactions.put(replace(booked_now, external_id=event.external_id))


def amended(fold: Fold, logged: Logged[BankTransactionAmended]) -> None:
    """Give the difference that was booked the name of the line it belongs to."""
    event, transactions = logged.event, fold.rows.of(TRANSACTION)
    difference = transactions.get(numbered_id(event.posting_id, 1))
    transactions.put(replace(difference, external_id=event.external_id))


def dropped(fold: Fold, logged: Logged[BankTransactionDropped]) -> None:
    """Take back a line that came to nothing."""
    if fold.rows.of(TRANSACTION).find(logged.event.transaction_id) is not None:
        fold.rows.of(TRANSACTION).drop(logged.event.transaction_id)


def line_of(
    logged: Logged[BankTransactionImported | BankTransactionPosted | BankTransactionDropped],
) -> Iterable[Key]:
    """Name the transaction that a line of a bank is."""
    return ((TRANSACTION, logged.event.transaction_id),)


def account_of(logged: Logged[BankTransactionImported]) -> Iterable[str]:
    """Name the account that a line belongs to."""
    return (f"account-{logged.event.account_id}",)


def told_before(logged: Logged[PostingBooked]) -> Iterable[Key]:
    """Name what may have been told before it was booked: only an outside bank does that."""
    if logged.event.kind != "IMPORT":
        return ()
    return tuple((TRANSACTION, entry.entry_id) for entry in logged.event.entries)


def counterparty(customers: list[Entry], account_id: str) -> str | None:
    """Return the other customer's account of a posting, if there is one."""
    return next((each.account_id for each in customers if each.account_id != account_id), None)


def namer(known: Known, event: PostingBooked) -> str | None:
    """Return who named both accounts in the transfer or payment behind a posting."""
    if event.transfer_id is not None:
        return known.beginning(f"transfer-{event.transfer_id}", TransferBooked).initiated_by
    if event.payment_id is not None:
        return known.beginning(f"payment-{event.payment_id}", PaymentCreated).created_by
    return None


def streams_of(logged: Logged[PostingBooked]) -> Iterable[str]:
    """Name the accounts of a posting, and the transfer or payment behind it."""
    event = logged.event
    for entry in event.entries:
        if entry.account_id is not None:
            yield f"account-{entry.account_id}"
    if event.transfer_id is not None:
        yield f"transfer-{event.transfer_id}"
    elif event.payment_id is not None:
        yield f"payment-{event.payment_id}"


PROJECTOR = Projector(
    "transactions",
    (TRANSACTION,),
    {
        UserDeleted: erasing(TRANSACTION),
        PostingBooked: On(booked, told_before, streams_of),
        AccountDebited: On(balance_told),
        AccountCredited: On(balance_told),
        BankTransactionImported: On(imported, line_of, account_of),
        BankTransactionPosted: On(named, line_of),
        BankTransactionAmended: On(amended),
        BankTransactionDropped: On(dropped, line_of),
    },
    looks_up=(AccountOpened, PaymentCreated, TransferBooked),
)


async def page(pool: Pool, wanted: Wanted, owner: str | None, viewer: str | None) -> Page:
    """Return Transactions of `owner` (None: everybody's) as `viewer` (None: a reader) may see."""
    return await fetch_page(pool, LISTING, wanted, owner, {"viewer": viewer})


async def one(pool: Pool, transaction_id: str, viewer: str | None) -> Item | None:
    """Return one Transaction as `viewer` (None: a reader) may see it, and its owner."""
    return await fetch_item(pool, ONE, {"id": transaction_id, "viewer": viewer})


SHAPE = """
id, account_id, user_id, type, status, read.money(amount, currency) AS amount, currency, direction,
description, reference, read.money(balance_after, currency) AS balance_after,
posting_id, payment_id, transfer_id, external_id,
CASE
    WHEN %(viewer)s::text IS NULL OR counterparty_user_id = %(viewer)s::uuid
        OR named_by = %(viewer)s::text
    THEN counterparty_account_id
END AS counterparty_account_id,
CASE WHEN status = 'POSTED' THEN booked_at END AS posted_at,
inserted_at, updated_at
"""
ONE = item_query("read.transactions", SHAPE, "NULL", "ARRAY[user_id::text]")
LISTING = Listing(
    name="transactions",
    table="read.transactions",
    shape=SHAPE,
    filters=(
        identity("account_id"),
        enum("status", "PENDING", "POSTED", reason=Reason.INVALID_STATUS),
        enum("direction", "CREDIT", "DEBIT", reason=Reason.INVALID_DIRECTION),
        enum("type", *KINDS, reason=Reason.INVALID_TRANSACTION_TYPE),
        currency(),
        *dates("booked_at"),
        *amounts(),
        SEARCH,
    ),
    sorts={
        "posted_at": Sort("booked_at"),
        "amount": Sort("read.amount(amount, currency)", "numeric"),
        "direction": Sort("direction"),
        "type": Sort("type"),
        "currency": Sort("currency"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    usual="posted_at:desc",
    owner=("user_id = %(owner)s",),
)
