"""Webhook endpoint: where its owner is told of events, signed with a secret of its own (§7)."""

from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from ledger.commands.webhook_endpoint import (
    DisableEndpoint,
    PingEndpoint,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from ledger.errors import Reason, Refused
from ledger.events.event import Sealed, sealed_or_none
from ledger.events.webhook_endpoint import (
    WebhookEndpointDescribed,
    WebhookEndpointDisabled,
    WebhookEndpointEvent,
    WebhookEndpointRegistered,
    WebhookEndpointRemoved,
    WebhookEndpointUpdated,
    WebhookPingRequested,
    WebhookSecretRotated,
)

EndpointCommand: TypeAlias = (
    RegisterEndpoint
    | UpdateEndpoint
    | RotateSecret
    | PingEndpoint
    | DisableEndpoint
    | RemoveEndpoint
)
ACTIVE, DISABLED = "ACTIVE", "DISABLED"


class Unregistered(msgspec.Struct, frozen=True, tag="unregistered"):
    """Nothing is known by this id."""


class Registered(msgspec.Struct, frozen=True, tag="registered"):
    """Told of events while ACTIVE; `disabled_reason` says why it is not. `pinged`: the last one."""

    user_id: str
    url: str
    event_types: tuple[str, ...]
    scope: str
    description: Sealed | None
    secret_id: str
    status: str = ACTIVE
    disabled_reason: str | None = None
    pinged: str | None = None


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    """Gone for good."""

    user_id: str


Endpoint: TypeAlias = Unregistered | Registered | Removed
UNREGISTERED = Unregistered()


def decide(endpoint: Endpoint, command: EndpointCommand) -> list[WebhookEndpointEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match endpoint, command:
        case Unregistered(), RegisterEndpoint():
            return [registered(command)]
        case Unregistered(), _:
            raise Refused(Reason.WEBHOOK_ENDPOINT_NOT_FOUND, field="id")
        case Removed(), RemoveEndpoint() | DisableEndpoint():
            return []
        case Removed(), _:
            raise Refused(Reason.WEBHOOK_ENDPOINT_NOT_FOUND, field="id")
        case Registered(), RegisterEndpoint():
            return []
        case Registered(), UpdateEndpoint():
            return updated(endpoint, command)
        case Registered(), RotateSecret(secret_id=secret_id):
            known = secret_id == endpoint.secret_id
            return [] if known else [WebhookSecretRotated(secret_id=secret_id)]
        case Registered(), PingEndpoint(delivery_id=delivery_id):
            known = delivery_id == endpoint.pinged
            return [] if known else [WebhookPingRequested(delivery_id=delivery_id)]
        case Registered(), DisableEndpoint(cause=cause):
            disabled = endpoint.status == DISABLED
            return [] if disabled else [WebhookEndpointDisabled(cause=cause)]
        case Registered(), RemoveEndpoint():
            return [WebhookEndpointRemoved()]


def registered(command: RegisterEndpoint) -> WebhookEndpointRegistered:
    """Tell where somebody wants to be told of what."""
    return WebhookEndpointRegistered(
        user_id=command.user_id,
        url=command.url,
        event_types=command.event_types,
        scope=command.scope,
        description=sealed_or_none(command.description),
        secret_id=command.secret_id,
    )


def updated(endpoint: Registered, command: UpdateEndpoint) -> list[WebhookEndpointEvent]:
    """Tell what becomes another value; what is already so is no news."""
    given = {name: getattr(command, name) for name in ("url", "event_types", "status")}
    changes: dict[str, Any] = {
        name: value
        for name, value in given.items()
        if value is not UNSET and value != getattr(endpoint, name)
    }
    events: list[WebhookEndpointEvent] = []
    if changes:
        events.append(WebhookEndpointUpdated(changes=changes))
    if command.description is not UNSET:
        description = sealed_or_none(command.description)
        if description != endpoint.description:
            events.append(WebhookEndpointDescribed(description=description))
    return events


def evolve(endpoint: Endpoint, event: WebhookEndpointEvent, _at: str) -> Endpoint:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match endpoint, event:
        case Unregistered(), WebhookEndpointRegistered():
            return Registered(
                event.user_id,
                event.url,
                tuple(event.event_types),
                event.scope,
                event.description,
                event.secret_id,
            )
        case Unregistered(), _:
            raise AssertionError("an endpoint is registered before anything else")
        case Removed(), _:
            raise AssertionError("nothing happens to an endpoint that was removed")
        case Registered(), WebhookEndpointRegistered():
            raise AssertionError("an endpoint is registered once")
        case Registered(), WebhookEndpointUpdated(changes=changes):
            return changed(endpoint, changes)
        case Registered(), WebhookEndpointDescribed(description=description):
            return msgspec.structs.replace(endpoint, description=description)
        case Registered(), WebhookSecretRotated(secret_id=secret_id):
            return msgspec.structs.replace(endpoint, secret_id=secret_id)
        case Registered(), WebhookPingRequested(delivery_id=delivery_id):
            return msgspec.structs.replace(endpoint, pinged=delivery_id)
        case Registered(), WebhookEndpointDisabled(cause=cause):
            return msgspec.structs.replace(endpoint, status=DISABLED, disabled_reason=cause)
        case Registered(), WebhookEndpointRemoved():
            return Removed(endpoint.user_id)


def changed(endpoint: Registered, changes: dict[str, Any]) -> Registered:
    """Return an endpoint with other values; whoever sets its status says why no more."""
    told = dict(changes)
    if "event_types" in told:
        told["event_types"] = tuple(told["event_types"])
    if "status" in told:
        told["disabled_reason"] = "owner" if told["status"] == DISABLED else None
    return msgspec.structs.replace(endpoint, **told)
