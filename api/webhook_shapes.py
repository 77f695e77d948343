"""Outbound webhooks as they go over the wire (http.md §3)."""

from typing import Literal

from api.shapes import Id, Shape, Time


class WebhookEndpoint(Shape, frozen=True):
    """Where somebody is told of what."""

    id: Id
    user_id: Id
    scope: Literal["own", "all"]
    url: str
    event_types: list[str]
    description: str | None
    status: Literal["ACTIVE", "DISABLED"]
    disabled_reason: str | None
    version: int
    inserted_at: Time
    updated_at: Time


class SignedWebhookEndpoint(WebhookEndpoint, frozen=True):
    """The same with its new secret, shown this once; null when the answer is repeated."""

    secret: str | None


class Delivery(Shape, frozen=True):
    """One event on its way to one endpoint; a new one has no position yet."""

    id: Id
    endpoint_id: Id
    event_type: str
    position: int | None
    status: Literal["pending", "delivered", "dead"]
    attempts: int
    response_status: int | None
    last_error: str | None
    next_attempt_at: Time | None
    delivered_at: Time | None
    inserted_at: Time
