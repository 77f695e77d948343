"""Commands that signed messages from outside amount to (banking.md §8)."""

from ledger.commands.command import Command


class Message(Command, frozen=True, kw_only=True):
    """A message is taken once: `webhook_id` is derived from who sent it and its event id."""

    webhook_id: str
    event_id: str


class ReportPayment(Message, frozen=True, kw_only=True):
    """A provider tells how a payment stands; `amount` is decimal text."""

    payment_id: str
    status: str
    amount: str
    currency: str | None = None
    external_transaction_id: str | None = None
    failure_reason: str | None = None


class ReportBankNews(Message, frozen=True, kw_only=True):
    """A bank tells that there is news for a customer; each connection with the key of its job."""

    user_id: str
    bank_id: str
    connections: tuple[tuple[str, str], ...]


class ReportFraud(Message, frozen=True, kw_only=True):
    """A detector tells what it thinks of a payment; `risk_score` is decimal text."""

    payment_id: str
    severity: str
    risk_score: str
    recommended_action: str
    detection_reason: str | None = None
