"""Restatements: postings that count from earlier than they were booked (proof P-4)."""

from collections.abc import Iterable

import msgspec

from ledger.events.account import AccountOpened
from ledger.events.posting import PostingBooked
from projections.filters import Filter, day_or_moment
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.postings import accounts_of, line_of
from projections.projector import Fold, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Restatement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One posting; `entries` is JSON: a list of `projections.postings.Line`."""

    id: str
    kind: str
    entries: msgspec.Raw
    transfer_id: str | None
    reverses_posting_id: str | None
    reason: str | None
    period: str
    effective_at: str
    booked_at: str
    position: int
    inserted_at: str


RESTATEMENT = Table("restatements", Restatement, kept=False)
MONTH_LENGTH = len("yyyy-mm")


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    event, at, since = logged.event, logged.recorded_at, logged.effective_at
    if since >= at:
        return
    lines = [line_of(fold.known, entry) for entry in event.entries]
    restatement = Restatement(
        id=event.posting_id,
        kind=event.kind,
        entries=msgspec.Raw(msgspec.json.encode(lines)),
        transfer_id=event.transfer_id,
        reverses_posting_id=event.reverses_posting_id,
        reason=event.reason,
        period=since[:MONTH_LENGTH],
        effective_at=since,
        booked_at=at,
        position=logged.position,
        inserted_at=at,
    )
    fold.rows.of(RESTATEMENT).put(restatement)


def looked_up(logged: Logged[PostingBooked]) -> Iterable[str]:
    """Name the accounts of a posting that counts earlier than it was booked."""
    return accounts_of(logged) if logged.effective_at < logged.recorded_at else ()


PROJECTOR = Projector(
    "restatements",
    (RESTATEMENT,),
    {PostingBooked: On(booked, streams=looked_up)},
    looks_up=(AccountOpened,),
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Restatements."""
    return await fetch_page(pool, LISTING, wanted, None)


SHAPE = """
id AS posting_id, kind,
(
    SELECT json_agg(json_build_object(
        'id', entry ->> 'id',
        'account_id', entry ->> 'account_id',
        'account_code', entry ->> 'account_code',
        'amount', read.money(abs((entry ->> 'amount')::numeric), entry ->> 'currency'),
        'currency', entry ->> 'currency',
        'direction', CASE WHEN (entry ->> 'amount')::numeric > 0 THEN 'CREDIT' ELSE 'DEBIT' END
    ) ORDER BY ordinal)
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS listed (entry, ordinal)
) AS entries,
transfer_id, reverses_posting_id, reason, period, effective_at, booked_at, position
"""
LISTING = Listing(
    name="restatements",
    table="read.restatements",
    shape=SHAPE,
    filters=(
        Filter("from", day_or_moment("from", "00:00:00"), ("effective_at >= %(from)s",)),
        Filter("to", day_or_moment("to", "23:59:59.999999"), ("effective_at <= %(to)s",)),
    ),
    sorts={
        "effective_at": Sort("effective_at"),
        "booked_at": Sort("booked_at"),
        "inserted_at": Sort("inserted_at"),
    },
    usual="effective_at",
)
