"""Commands about discrepancies between our books and an outside bank."""

from ledger.commands.command import Command


class ReportMissingPayment(Command, frozen=True, kw_only=True):
    """Say that a completed payment is not in its bank's history."""

    payment_id: str


class ResolveDiscrepancy(Command, frozen=True, kw_only=True):
    """End a discrepancy with a note; `adjust` books its difference against clearing."""

    discrepancy_id: str
    note: str
    adjust: bool
    posting_id: str
