"""Audit of quotes: used at most once, in time, for exactly what they promise (I-11)."""

from collections import deque
from typing import Any

from ops.audits.findings import Findings
from ops.audits.shapes import QuoteIssued, QuoteUsed, Transferred

OF_QUOTES = (QuoteIssued, QuoteUsed)


class Quotes:
    """Quotes that may still be used.

    Of this command: `due` are the quotes that a transfer names, `used` those that say they are
    used, by transfer. Which of both comes first does not matter.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.open: dict[str, QuoteIssued] = {}
        self.expiring: deque[tuple[str, str]] = deque()
        self.due: dict[str, str] = {}
        self.used: dict[str, str] = {}

    def take(self, quote_id: str, event: Any) -> None:
        """Fold what happens to a quote."""
        match event:
            case QuoteIssued():
                self.forget_expired()
                self.open[quote_id] = event
                self.expiring.append((event.expires_at, quote_id))
            case QuoteUsed(transfer_id=transfer_id):
                self.used[quote_id] = transfer_id
            case _:
                pass

    def transfer(self, transfer_id: str, event: Transferred) -> None:
        """Let a transfer that names a quote use it up."""
        if event.fx_quote_id is None:
            return
        quote = self.open.pop(event.fx_quote_id, None)
        if quote is None or quote.expires_at <= self.findings.at:
            says = f"quote {event.fx_quote_id} is used twice, too late, or was never issued"
            self.findings.find("I-11", says)
        elif terms_of(quote) != terms_of(event):
            says = f"transfer {transfer_id} is not what quote {event.fx_quote_id} promises"
            self.findings.find("I-11", says)
        self.due[event.fx_quote_id] = transfer_id

    def forget_expired(self) -> None:
        """Forget quotes that nobody can use any more; they expire about in the order of issue."""
        while self.expiring and self.expiring[0][0] <= self.findings.at:
            self.open.pop(self.expiring.popleft()[1], None)

    def end_command(self) -> None:
        """See that quotes are used in the commands of the transfers that name them only."""
        for quote_id, transfer_id in self.used.items():
            if self.due.pop(quote_id, None) != transfer_id:
                says = f"quote {quote_id} is used by {transfer_id}, which does not name it"
                self.findings.find("I-11", says)
        for quote_id in self.due:
            self.findings.find("I-11", f"quote {quote_id} was taken, but is not used up")
        self.used.clear()
        self.due.clear()


def terms_of(event: QuoteIssued | Transferred) -> tuple[str, int, str, int]:
    """Return what is exchanged for what."""
    if isinstance(event, QuoteIssued):
        gives = event.source_currency, event.source_amount
    else:
        gives = event.currency, event.amount
    return *gives, event.destination_currency, event.destination_amount
