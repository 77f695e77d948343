"""Letters: what mails say, as plain text (jobs.md §8). Nothing in them opens anything."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from ledger.errors import Reason
from ledger.events.connection import ConnectionExpired
from ledger.events.event import Event
from ledger.events.payment import PaymentFailed
from ledger.events.recorded import Envelope
from ledger.events.session import RefreshTokenReuseDetected
from ledger.events.user import UserPasswordSet
from ledger.events.webhook_endpoint import WebhookEndpointDisabled
from ledger.money import decimal_text

Happened: TypeAlias = Envelope[Any]
Written: TypeAlias = Callable[[Happened, Any], dict[str, str]]
"""Returns what fills the blanks of a letter, from an event and the state of its stream."""


class Letter(msgspec.Struct, frozen=True):
    """What a mail is about, and its text; `kind` is how operators call it."""

    kind: str
    subject: str
    text: str


class Template(msgspec.Struct, frozen=True):
    """A letter with blanks."""

    kind: str
    subject: str
    text: str
    fill: Written


def letter_of(happened: Happened, state: Any, name: str) -> Letter:
    """Write to `name` of an event, as the state of its stream tells it by now."""
    template = TEMPLATES[type(happened.data)]
    blanks = template.fill(happened, state) | {"name": name, "at": spoken(happened.recorded_at)}
    return Letter(template.kind, template.subject, template.text.format_map(blanks))


def spoken(at: str) -> str:
    """Return a time to the minute, as people read it."""
    return f"{at[:10]} {at[11:16]} UTC"


def nothing(_happened: Happened, _state: Any) -> dict[str, str]:
    return {}


def payment_failed(happened: Happened, payment: Any) -> dict[str, str]:
    amount, currency = payment.terms.amount, payment.terms.currency
    return {
        "amount": f"{decimal_text(amount, currency)} {currency}",
        "payment_id": happened.stream_id.removeprefix("payment-"),
        "reason": said(happened.data.reason, {}),
    }


def connection_expired(happened: Happened, connection: Any) -> dict[str, str]:
    return {"bank": connection.terms.bank_code, "reason": said(happened.data.reason, EXPIRED)}


def endpoint_disabled(happened: Happened, endpoint: Any) -> dict[str, str]:
    return {"url": getattr(endpoint, "url", REMOVED), "reason": said(happened.data.cause, DISABLED)}


def said(reason: str, words: dict[str, str]) -> str:
    """Return a reason as a sentence: of these words, or of the catalogue."""
    if reason in words:
        return words[reason]
    known = reason in set(Reason)
    return f"{Reason(reason).fact.title}." if known else f"{reason.replace('_', ' ')}."


REMOVED = "(removed since)"
EXPIRED = {
    "consent_expired": "The consent you gave at your bank has ended.",
    "not_authorised": "The consent was not given at your bank in time.",
}
DISABLED = {
    "gone": "It answered 410 Gone.",
    "deliveries_failed": "Too many deliveries in a row could not be made.",
}
HEAD, FOOT = "Hello {name},\n\n", "\n\nLedgerBank\n"
TEMPLATES: dict[type[Event], Template] = {
    PaymentFailed: Template(
        "payment_failed",
        "A payment could not be made",
        HEAD
        + """your payment of {amount} failed on {at}.

Reason: {reason}
Payment: {payment_id}

Nothing was taken from your account, and what was held for this payment is free again. To try once
more, please make a new payment."""
        + FOOT,
        payment_failed,
    ),
    UserPasswordSet: Template(
        "password_changed",
        "Your password was changed",
        HEAD
        + """the password of your account was changed on {at}. Everybody who was signed in has been
signed out.

If this was not you, please tell us at once."""
        + FOOT,
        nothing,
    ),
    RefreshTokenReuseDetected: Template(
        "refresh_token_reused",
        "Somebody may have used your session",
        HEAD
        + """on {at} a token of one of your sessions was used a second time. That happens when
somebody else has a copy of it. We have ended the session.

Please sign in again. If you do not know why this happened, change your password, and end all
sessions."""
        + FOOT,
        nothing,
    ),
    ConnectionExpired: Template(
        "connection_expired",
        "Your bank connection has expired",
        HEAD
        + """your connection with the bank {bank} expired on {at}. {reason}

Nothing is read from the bank until you connect with it again."""
        + FOOT,
        connection_expired,
    ),
    WebhookEndpointDisabled: Template(
        "webhook_endpoint_disabled",
        "A webhook endpoint was disabled",
        HEAD
        + """your webhook endpoint was disabled on {at}, and is told nothing more.

Address: {url}
Reason: {reason}

When it works again, set its status to ACTIVE. What it has missed can be sent again."""
        + FOOT,
        endpoint_disabled,
    ),
}
