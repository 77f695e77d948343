"""Transfers: money moved between two accounts, seen from both sides."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.events.account import AccountOpened
from ledger.events.transfer import TransferBooked, TransferReversed
from ledger.events.user import UserDeleted
from projections.erasing import erasing, key_of
from projections.filters import SEARCH, amounts, currency, dates, identity
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Transfer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One transfer, with the owners of both its accounts."""

    id: str
    status: str = "POSTED"
    source_account_id: str
    destination_account_id: str
    source_user_id: str
    destination_user_id: str
    amount: int
    currency: str
    destination_amount: int
    destination_currency: str
    rate: str | None
    fx_quote_id: str | None
    description: str | None
    reference: str | None
    description_key: str | None
    reference_key: str | None
    posting_id: str
    reversal_posting_id: str | None = None
    initiated_by: str
    posted_at: str
    version: int
    inserted_at: str
    updated_at: str


TRANSFER = Table("transfers", Transfer, kept=False, texted=True)


def booked(fold: Fold, logged: Logged[TransferBooked]) -> None:
    event, at, known = logged.event, logged.recorded_at, fold.known
    transfer = Transfer(
        id=logged.subject,
        source_account_id=event.source_account_id,
        destination_account_id=event.destination_account_id,
        source_user_id=known.account(event.source_account_id).user_id,
        destination_user_id=known.account(event.destination_account_id).user_id,
        amount=event.amount,
        currency=event.currency,
        destination_amount=event.destination_amount,
        destination_currency=event.destination_currency,
        rate=event.rate,
        fx_quote_id=event.fx_quote_id,
        description=known.text(event.description),
        reference=known.text(event.reference),
        description_key=key_of(known, event.description),
        reference_key=key_of(known, event.reference),
        posting_id=event.posting_id,
        initiated_by=event.initiated_by,
        posted_at=at,
        version=logged.version,
        inserted_at=at,
        updated_at=at,
    )
    fold.rows.of(TRANSFER).put(transfer)


def undone(fold: Fold, logged: Logged[TransferReversed]) -> None:
    transfers = fold.rows.of(TRANSFER)
    transfer = replace(
        transfers.get(logged.subject),
        status="REVERSED",
        reversal_posting_id=logged.event.posting_id,
        version=logged.version,
        updated_at=logged.recorded_at,
    )
    transfers.put(transfer)


def transfer_of(logged: Logged[TransferReversed]) -> Iterable[Key]:
    """Name the transfer that `logged` happened to."""
    return ((TRANSFER, logged.subject),)


def accounts_of(logged: Logged[TransferBooked]) -> Iterable[str]:
    """Name both accounts of a transfer."""
    event = logged.event
    return (f"account-{event.source_account_id}", f"account-{event.destination_account_id}")


PROJECTOR = Projector(
    "transfers",
    (TRANSFER,),
    {
        TransferBooked: On(booked, streams=accounts_of),
        TransferReversed: On(undone, transfer_of),
        UserDeleted: erasing(TRANSFER),
    },
    looks_up=(AccountOpened,),
)


async def page(pool: Pool, wanted: Wanted, owner: str | None) -> Page:
    """Return Transfers out of or into accounts of `owner`; None means everybody's."""
    return await fetch_page(pool, LISTING, wanted, owner)


async def one(pool: Pool, transfer_id: str) -> Item | None:
    """Return one Transfer and the owners of both sides."""
    return await fetch_item(pool, ONE, {"id": transfer_id})


SHAPE = """
id, status, source_account_id, destination_account_id, read.money(amount, currency) AS amount,
currency, read.money(destination_amount, destination_currency) AS destination_amount,
destination_currency, rate, fx_quote_id, description, reference, posting_id, reversal_posting_id,
initiated_by, posted_at, version, inserted_at, updated_at
"""
OWNERS = "ARRAY[source_user_id::text, destination_user_id::text]"
ONE = item_query("read.transfers", SHAPE, "version", OWNERS)
LISTING = Listing(
    name="transfers",
    table="read.transfers",
    shape=SHAPE,
    filters=(
        identity("account_id", "source_account_id", "destination_account_id"),
        currency(),
        *dates("inserted_at"),
        *amounts(),
        SEARCH,
    ),
    sorts={
        "amount": Sort("read.amount(amount, currency)", "numeric"),
        "posted_at": Sort("posted_at"),
        "inserted_at": Sort("inserted_at"),
    },
    owner=("source_user_id = %(owner)s", "destination_user_id = %(owner)s"),
)
