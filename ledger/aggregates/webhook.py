"""Webhook: a message from outside is taken once, and then known by what was made of it."""

from datetime import timedelta
from typing import TypeAlias

import msgspec

from ledger.events.webhook import WebhookEvent, WebhookReceived
from ledger.times import later


class Unreceived(msgspec.Struct, frozen=True, tag="unreceived"):
    """No such message came."""


class Received(msgspec.Struct, frozen=True, tag="received"):
    """It came, and this is what was made of it."""

    kind: str
    subject_id: str
    result: str
    status: str | None
    jobs: tuple[str, ...]
    received_at: str


Webhook: TypeAlias = Unreceived | Received
UNRECEIVED = Unreceived()


def evolve(_: Webhook, event: WebhookEvent, at: str) -> Webhook:
    """Apply a fact. Never refuses: what was forgotten may have come again."""
    assert isinstance(event, WebhookReceived), "nothing else happens to a message"
    return Received(event.kind, event.subject_id, event.result, event.status, event.jobs, at)


def remembered(webhook: Webhook, now: str, days: int) -> Received | None:
    """Return what was made of a message that came in the last `days`."""
    if isinstance(webhook, Unreceived):
        return None
    forgotten = later(webhook.received_at, timedelta(days=days)) <= now
    return None if forgotten else webhook
