"""Commands about transfers and single postings."""

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class MakeTransfer(Command, frozen=True, kw_only=True):
    """Move `amount` at once, by posting `posting_id`.

    `amount` is decimal text: only the source account knows how many decimals its currency has.
    """

    transfer_id: str
    posting_id: str
    source_account_id: str
    destination_account_id: str
    amount: str
    currency: str | None
    description: PersonalText
    reference: PersonalText | None = None
