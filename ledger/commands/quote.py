"""Commands about FX quotes (ledger.md §7)."""

from typing import TypeAlias

from ledger.commands.command import Command


class IssueQuote(Command, frozen=True, kw_only=True):
    """Lock `rate` for a while; exactly one of the amounts (minor units) is given."""

    quote_id: str
    source_currency: str
    destination_currency: str
    source_amount: int | None
    destination_amount: int | None
    rate: str
    rate_source: str
    rate_as_of: str
    lasts_seconds: int


class UseQuote(Command, frozen=True, kw_only=True):
    """Spend a quote on one transfer of `source_amount` minor units, asked for by `asked_by`."""

    quote_id: str
    transfer_id: str
    source_currency: str
    destination_currency: str
    source_amount: int
    asked_by: str
    now: str


QuoteCommand: TypeAlias = IssueQuote | UseQuote
