"""Decisions about FX quotes: issuing one, and spending it on a transfer (ledger.md §7)."""

from ledger.aggregates import quote
from ledger.aggregates.quote import Unissued
from ledger.commands.quote import IssueQuote, UseQuote
from ledger.decisions.view import Claim, View
from ledger.errors import Reason
from ledger.events.quote import FxQuoteIssued, FxQuoteUsed
from ledger.policies import access

QUOTE_USE = "quote_use"
"""The namespace of the claim that a quote's only transfer takes."""


def issue_quote(view: View, command: IssueQuote) -> str:
    """Lock a rate and both amounts for whoever asks."""
    stream = f"quote-{command.quote_id}"
    if not isinstance(view.begin(stream), Unissued):
        return stream
    access.may_ask_for_quote(view.caller)
    smallest = view.rules.smallest(command.source_currency)
    view.record(stream, quote.issue(command, asker(view), view.now, smallest))
    return stream


def judge_quote(view: View, command: UseQuote) -> FxQuoteIssued:
    """Return the quote that fits a transfer, or refuse; nothing is recorded yet."""
    return quote.use(view.state(f"quote-{command.quote_id}"), command)


def spend_quote(view: View, quote_id: str, transfer_id: str) -> None:
    """Use a quote up: nobody can use it again."""
    view.take(QUOTE_USE, quote_id, Claim(transfer_id), Reason.QUOTE_ALREADY_USED)
    view.record(f"quote-{quote_id}", FxQuoteUsed(transfer_id=transfer_id))


def asker(view: View) -> str:
    """Return who a quote belongs to."""
    return view.caller.id or view.caller.type
