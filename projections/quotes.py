"""Quotes: rates and amounts locked for somebody, used or not (ledger.md §7)."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.events.quote import FxQuoteIssued, FxQuoteUsed
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from schema.postgres import Pool


class Quote(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One quote; whether it is still open depends on the time of the question."""

    id: str
    source_currency: str
    destination_currency: str
    source_amount: int
    destination_amount: int
    rate: str
    rate_source: str
    rate_as_of: str
    transfer_id: str | None = None
    expires_at: str
    issued_to: str
    inserted_at: str
    updated_at: str


QUOTE = Table("quotes", Quote, kept=False)


def issued(fold: Fold, logged: Logged[FxQuoteIssued]) -> None:
    at = logged.recorded_at
    fields = msgspec.structs.asdict(logged.event)
    fold.rows.of(QUOTE).put(Quote(id=logged.subject, inserted_at=at, updated_at=at, **fields))


def used(fold: Fold, logged: Logged[FxQuoteUsed]) -> None:
    quotes = fold.rows.of(QUOTE)
    quote = quotes.get(logged.subject)
    spent = replace(quote, transfer_id=logged.event.transfer_id, updated_at=logged.recorded_at)
    quotes.put(spent)


def quote_of(logged: Logged[FxQuoteUsed]) -> Iterable[Key]:
    """Name the quote that `logged` happened to."""
    return ((QUOTE, logged.subject),)


PROJECTOR = Projector(
    "quotes", (QUOTE,), {FxQuoteIssued: On(issued), FxQuoteUsed: On(used, quote_of)}
)


async def one(pool: Pool, quote_id: str, now: str) -> Item | None:
    """Return one Quote as of `now`, and whom it belongs to."""
    return await fetch_item(pool, ONE, {"id": quote_id, "now": now})


SHAPE = """
id, source_currency, destination_currency,
read.money(source_amount, source_currency) AS source_amount,
read.money(destination_amount, destination_currency) AS destination_amount,
rate, rate_source, rate_as_of,
CASE
    WHEN transfer_id IS NOT NULL THEN 'USED'
    WHEN expires_at <= %(now)s THEN 'EXPIRED'
    ELSE 'OPEN'
END AS status,
expires_at, inserted_at, updated_at
"""
ONE = item_query("read.quotes", SHAPE, "NULL", "ARRAY[issued_to]")
