"""Commands about transfers: one, or many at once."""

from typing_extensions import override

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class MakeTransfer(Command, frozen=True, kw_only=True):
    """Move `amount` at once, by posting `posting_id`; between currencies by a quote.

    `amount` is decimal text: only the source account knows how many decimals its currency has.
    `effective_at` lets it count from an earlier time than it is booked.
    """

    transfer_id: str
    posting_id: str
    source_account_id: str
    destination_account_id: str
    amount: str
    currency: str | None
    description: PersonalText
    reference: PersonalText | None = None
    fx_quote_id: str | None = None
    effective_at: str | None = None


class MakeTransfers(Command, frozen=True, kw_only=True):
    """Make transfers in their order, later ones on top of earlier ones; `atomic`: all or none."""

    bulk_id: str
    transfers: tuple[MakeTransfer, ...]
    atomic: bool

    @property
    @override
    def weight(self) -> int:
        return len(self.transfers)
