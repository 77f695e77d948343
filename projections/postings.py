"""Postings: what was booked, entry by entry."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.entries import Entry
from ledger.events.account import AccountOpened
from ledger.events.posting import PostingBooked, PostingReversed
from ledger.events.user import UserDeleted
from projections.erasing import erasing, key_of
from projections.items import Item, fetch_item, item_query
from projections.known import Known
from projections.log import Logged
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from schema.postgres import Pool


class Line(msgspec.Struct, frozen=True, gc=False):
    """One entry as kept in the row: `amount` is signed minor units."""

    id: str
    account_id: str | None
    account_code: str | None
    user_id: str | None
    amount: int
    currency: str


class Posting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One posting; `entries` is JSON: a list of `Line`."""

    id: str
    kind: str
    description: str | None
    reference: str | None
    description_key: str | None
    reference_key: str | None
    entries: msgspec.Raw
    payment_id: str | None
    transfer_id: str | None
    hold_id: str | None
    reverses_posting_id: str | None
    reversed_by_posting_id: str | None = None
    reason: str | None
    booked_at: str
    position: int
    inserted_at: str
    updated_at: str


POSTING = Table("postings", Posting, kept=False, texted=True)


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    event, at = logged.event, logged.recorded_at
    lines = [line_of(fold.known, entry) for entry in event.entries]
    posting = Posting(
        id=event.posting_id,
        kind=event.kind,
        description=fold.known.text(event.description),
        reference=fold.known.text(event.reference),
        description_key=key_of(fold.known, event.description),
        reference_key=key_of(fold.known, event.reference),
        entries=msgspec.Raw(msgspec.json.encode(lines)),
        payment_id=event.payment_id,
        transfer_id=event.transfer_id,
        hold_id=event.hold_id,
        reverses_posting_id=event.reverses_posting_id,
        reason=event.reason,
        booked_at=at,
        position=logged.position,
        inserted_at=at,
        updated_at=at,
    )
    fold.rows.of(POSTING).put(posting)


def undone(fold: Fold, logged: Logged[PostingReversed]) -> None:
    postings = fold.rows.of(POSTING)
    posting = replace(
        postings.get(logged.subject),
        reversed_by_posting_id=logged.event.reversal_posting_id,
        updated_at=logged.recorded_at,
    )
    postings.put(posting)


def posting_of(logged: Logged[PostingReversed]) -> Iterable[Key]:
    """Name the posting that `logged` happened to."""
    return ((POSTING, logged.subject),)


def line_of(known: Known, entry: Entry) -> Line:
    """Return an entry with the owner of its account."""
    owner = known.account(entry.account_id).user_id if entry.account_id is not None else None
    return Line(
        entry.entry_id,
        entry.account_id,
        entry.account_code,
        owner,
        entry.amount,
        entry.currency,
    )


def accounts_of(logged: Logged[PostingBooked]) -> Iterable[str]:
    """Name the customers' accounts of a posting."""
    for entry in logged.event.entries:
        if entry.account_id is not None:
            yield f"account-{entry.account_id}"


PROJECTOR = Projector(
    "postings",
    (POSTING,),
    {
        PostingBooked: On(booked, streams=accounts_of),
        PostingReversed: On(undone, posting_of),
        UserDeleted: erasing(POSTING),
    },
    looks_up=(AccountOpened,),
)


async def one(pool: Pool, posting_id: str, viewer: str | None) -> Item | None:
    """Return one Posting and the owners of its accounts.

    `viewer` sees the ids of own accounts only; None is a reader, who sees all.
    """
    return await fetch_item(pool, ONE, {"id": posting_id, "viewer": viewer})


SHAPE = """
id, kind, description, reference,
(
    SELECT json_agg(json_build_object(
        'id', entry ->> 'id',
        'account_id', CASE
            WHEN %(viewer)s::text IS NULL OR entry ->> 'user_id' = %(viewer)s::text
            THEN entry ->> 'account_id'
        END,
        'account_code', entry ->> 'account_code',
        'amount', read.money(abs((entry ->> 'amount')::numeric), entry ->> 'currency'),
        'currency', entry ->> 'currency',
        'direction', CASE WHEN (entry ->> 'amount')::numeric > 0 THEN 'CREDIT' ELSE 'DEBIT' END
    ) ORDER BY ordinal)
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS listed (entry, ordinal)
) AS entries,
payment_id, transfer_id, hold_id, reverses_posting_id, reversed_by_posting_id, reason,
booked_at, position, inserted_at, updated_at
"""
OWNERS = """
ARRAY(
    SELECT DISTINCT entry ->> 'user_id' FROM jsonb_array_elements(entries) AS listed (entry)
    WHERE entry ->> 'user_id' IS NOT NULL
)
"""
ONE = item_query("read.postings", SHAPE, "NULL", OWNERS)
