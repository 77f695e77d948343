"""Quote: a rate and two amounts locked for a moment, used once or never (ledger.md §7)."""

from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ledger.commands.quote import IssueQuote, UseQuote
from ledger.errors import Reason, Refused
from ledger.events.quote import FxQuoteIssued, FxQuoteUsed, QuoteEvent
from ledger.policies.exchange import exchanged, paid_for, refuse_unbookable
from ledger.times import later


class Unissued(msgspec.Struct, frozen=True, tag="unissued"):
    """Nobody has asked."""


class Issued(msgspec.Struct, frozen=True, tag="issued"):
    """Locked; whether it is still open depends on the time."""

    quote: FxQuoteIssued


class Used(msgspec.Struct, frozen=True, tag="used"):
    """Spent on one transfer."""

    quote: FxQuoteIssued
    transfer_id: str


Quote: TypeAlias = Unissued | Issued | Used
UNISSUED = Unissued()


def issue(command: IssueQuote, issued_to: str, now: str, smallest: int) -> FxQuoteIssued:
    """Lock a rate; the side that was not given is rounded half to even to its minor unit.

    `smallest`: what must move at least, in minor units of the source.
    """
    pair, rate = (command.source_currency, command.destination_currency), Decimal(command.rate)
    source, destination = command.source_amount, command.destination_amount
    if source is None:
        assert destination is not None, "one of the amounts is given"
        source = paid_for(destination, *pair, rate)
    elif destination is None:
        destination = exchanged(source, *pair, rate)
    refuse_unbookable(source, smallest, "source_amount")
    refuse_unbookable(destination, 1, "destination_amount")
    return FxQuoteIssued(
        source_currency=command.source_currency,
        destination_currency=command.destination_currency,
        source_amount=source,
        destination_amount=destination,
        rate=command.rate,
        rate_source=command.rate_source,
        rate_as_of=command.rate_as_of,
        expires_at=later(now, timedelta(seconds=command.lasts_seconds)),
        issued_to=issued_to,
    )


def use(quote: Quote, command: UseQuote) -> FxQuoteIssued:
    """Return an open quote that fits the transfer, or refuse: not there, used, expired, other."""
    match quote:
        case Unissued():
            raise Refused(Reason.QUOTE_NOT_FOUND, field="fx_quote_id")
        case Used():
            raise Refused(Reason.QUOTE_ALREADY_USED, field="fx_quote_id")
        case Issued(quote=terms):
            if terms.expires_at <= command.now:
                raise Refused(Reason.QUOTE_EXPIRED, expires_at=terms.expires_at)
            refuse_misfit(terms, command)
            return terms


def refuse_misfit(terms: FxQuoteIssued, command: UseQuote) -> None:
    """Refuse a quote of somebody else, of other currencies, or of another amount."""
    if terms.issued_to != command.asked_by:
        raise Refused(Reason.QUOTE_MISMATCH, field="fx_quote_id")
    pair = (command.source_currency, command.destination_currency)
    if (terms.source_currency, terms.destination_currency) != pair:
        raise Refused(Reason.QUOTE_MISMATCH, field="fx_quote_id")
    if terms.source_amount != command.source_amount:
        raise Refused(Reason.QUOTE_MISMATCH, field="amount")


def evolve(quote: Quote, event: QuoteEvent, _at: str) -> Quote:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match quote, event:
        case Unissued(), FxQuoteIssued():
            return Issued(event)
        case Issued(quote=terms), FxQuoteUsed(transfer_id=transfer_id):
            return Used(terms, transfer_id)
        case _:
            raise AssertionError("a quote is issued once and used at most once")
