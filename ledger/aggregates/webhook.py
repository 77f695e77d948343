"""Webhook: a message from outside is taken once, and then known by what was made of it."""

from typing import TypeAlias

import msgspec

from ledger.events.webhook import WebhookEvent, WebhookReceived


class Unreceived(msgspec.Struct, frozen=True, tag="unreceived"):
    """No such message came."""


class Received(msgspec.Struct, frozen=True, tag="received"):
    """It came, and this is what was made of it."""

    kind: str
    subject_id: str
    result: str
    status: str | None
    jobs: tuple[str, ...]


Webhook: TypeAlias = Unreceived | Received
UNRECEIVED = Unreceived()


def evolve(webhook: Webhook, event: WebhookEvent, _at: str) -> Webhook:
    """Apply a fact. Never refuses: what is recorded has happened."""
    assert isinstance(webhook, Unreceived), "a message is taken once"
    assert isinstance(event, WebhookReceived), "nothing else happens to a message"
    return Received(event.kind, event.subject_id, event.result, event.status, event.jobs)
