"""What can have happened to a webhook endpoint: where somebody wants to be told (jobs.md §7)."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class WebhookEndpointRegistered(Event, frozen=True, kw_only=True):
    """`secret_id` names the secret that signs; the secret itself is nowhere."""

    stored_as: ClassVar[str] = "WebhookEndpointRegistered"
    user_id: str
    url: str
    event_types: tuple[str, ...]
    scope: str
    description: Sealed | None = None
    secret_id: str


class WebhookEndpointUpdated(Event, frozen=True, kw_only=True):
    """`changes`: of url, event_types and status, those that are different now."""

    stored_as: ClassVar[str] = "WebhookEndpointUpdated"
    changes: dict[str, str | tuple[str, ...]]


class WebhookEndpointDescribed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "WebhookEndpointDescribed"
    description: Sealed | None


class WebhookSecretRotated(Event, frozen=True, kw_only=True):
    """The secret before it signs too, for a day."""

    stored_as: ClassVar[str] = "WebhookSecretRotated"
    secret_id: str


class WebhookPingRequested(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "WebhookPingRequested"
    delivery_id: str


class WebhookEndpointDisabled(Event, frozen=True, kw_only=True):
    """`cause` is `gone` or `deliveries_failed`."""

    stored_as: ClassVar[str] = "WebhookEndpointDisabled"
    cause: str


class WebhookEndpointRemoved(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "WebhookEndpointRemoved"


WebhookEndpointEvent: TypeAlias = (
    WebhookEndpointRegistered
    | WebhookEndpointUpdated
    | WebhookEndpointDescribed
    | WebhookSecretRotated
    | WebhookPingRequested
    | WebhookEndpointDisabled
    | WebhookEndpointRemoved
)
