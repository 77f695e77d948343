"""Commands about single postings."""

from ledger.commands.command import Command


class ReversePosting(Command, frozen=True, kw_only=True):
    """Undo a posting by its negation `reversal_posting_id`, which counts from `effective_at`."""

    posting_id: str
    reversal_posting_id: str
    reason: str
    effective_at: str | None = None
