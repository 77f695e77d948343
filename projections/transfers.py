"""Transfers: money moved between two accounts, seen from both sides."""

from collections.abc import Iterable

import msgspec

from ledger.events.transfer import TransferBooked
from projections.log import Logged
from projections.projector import Fold, On, Projector
from projections.rows import Table


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
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
    posting_id: str
    reversal_posting_id: str | None = None
    initiated_by: str
    posted_at: str
    version: int
    inserted_at: str
    updated_at: str


TRANSFER = Table("transfers", Transfer, kept=False)


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
        posting_id=event.posting_id,
        initiated_by=event.initiated_by,
        posted_at=at,
        version=logged.version,
        inserted_at=at,
        updated_at=at,
    )
    fold.rows.of(TRANSFER).put(transfer)


def accounts_of(logged: Logged[TransferBooked]) -> Iterable[str]:
    """Name both accounts of a transfer."""
    event = logged.event
    return (f"account-{event.source_account_id}", f"account-{event.destination_account_id}")


PROJECTOR = Projector("transfers", (TRANSFER,), {TransferBooked: On(booked, streams=accounts_of)})
