"""What can have come in from outside: a signed message, and what was made of it."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class WebhookReceived(Event, frozen=True, kw_only=True):
    """`kind`: payments, banks or fraud. `jobs` are the causes of syncs that it asked for."""

    stored_as: ClassVar[str] = "WebhookReceived"
    kind: str
    event_id: str
    subject_id: str
    result: str
    status: str | None = None
    jobs: tuple[str, ...] = ()


WebhookEvent: TypeAlias = WebhookReceived
