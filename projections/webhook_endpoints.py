"""Webhook endpoints: where somebody wants to be told of what (jobs.md §7)."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.user import UserDeleted
from ledger.events.webhook_endpoint import (
    WebhookEndpointDescribed,
    WebhookEndpointDisabled,
    WebhookEndpointRegistered,
    WebhookEndpointRemoved,
    WebhookEndpointUpdated,
    WebhookPingRequested,
    WebhookSecretRotated,
)
from projections.erasing import erasing, key_of
from projections.filters import enum
from projections.filters import identity as identity_filter
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool

UUID_CHARACTERS = 36


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One endpoint; `event_types` is a JSON array of names. It has no second text."""

    id: str
    user_id: str
    scope: str
    url: str
    event_types: msgspec.Raw
    description: str | None
    reference: str | None = None
    description_key: str | None
    reference_key: str | None = None
    status: str = "ACTIVE"
    disabled_reason: str | None = None
    secret_id: str
    previous_secret_id: str | None = None
    rotated_at: str | None = None
    position: int
    version: int
    inserted_at: str
    updated_at: str


ENDPOINT = Table("webhook_endpoints", WebhookEndpoint, texted=True)


def identity(logged: Logged[Any]) -> str:
    """Return the endpoint that an event happened to."""
    return logged.stream_id[-UUID_CHARACTERS:]


def registered(fold: Fold, logged: Logged[WebhookEndpointRegistered]) -> None:
    event = logged.event
    endpoint = WebhookEndpoint(
        id=identity(logged),
        user_id=event.user_id,
        scope=event.scope,
        url=event.url,
        event_types=msgspec.Raw(msgspec.json.encode(event.event_types)),
        description=fold.known.text(event.description),
        description_key=key_of(fold.known, event.description),
        secret_id=event.secret_id,
        position=logged.position,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(ENDPOINT).put(endpoint)


def updated(fold: Fold, logged: Logged[WebhookEndpointUpdated]) -> None:
    changes: dict[str, Any] = dict(logged.event.changes)
    if "event_types" in changes:
        changes["event_types"] = msgspec.Raw(msgspec.json.encode(changes["event_types"]))
    if "status" in changes:
        changes["disabled_reason"] = "owner" if changes["status"] == "DISABLED" else None
    change(fold, logged, **changes)


def described(fold: Fold, logged: Logged[WebhookEndpointDescribed]) -> None:
    text = logged.event.description
    change(
        fold,
        logged,
        description=fold.known.text(text),
        description_key=key_of(fold.known, text),
    )


def rotated(fold: Fold, logged: Logged[WebhookSecretRotated]) -> None:
    before = fold.rows.of(ENDPOINT).get(identity(logged)).secret_id
    change(
        fold,
        logged,
        secret_id=logged.event.secret_id,
        previous_secret_id=before,
        rotated_at=logged.recorded_at,
    )


def pinged(fold: Fold, logged: Logged[WebhookPingRequested]) -> None:
    change(fold, logged)


def disabled(fold: Fold, logged: Logged[WebhookEndpointDisabled]) -> None:
    change(fold, logged, status="DISABLED", disabled_reason=logged.event.cause)


def removed(fold: Fold, logged: Logged[WebhookEndpointRemoved]) -> None:
    fold.rows.of(ENDPOINT).drop(identity(logged))


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the endpoint of `logged`."""
    endpoints = fold.rows.of(ENDPOINT)
    endpoint = endpoints.get(identity(logged))
    endpoints.put(
        replace(endpoint, version=logged.version, updated_at=logged.recorded_at, **changes)
    )


def endpoint_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the endpoint that `logged` happened to."""
    return ((ENDPOINT, identity(logged)),)


PROJECTOR = Projector(
    "webhook_endpoints",
    (ENDPOINT,),
    {
        UserDeleted: erasing(ENDPOINT),
        WebhookEndpointRegistered: On(registered),
        WebhookEndpointUpdated: On(updated, endpoint_of),
        WebhookEndpointDescribed: On(described, endpoint_of),
        WebhookSecretRotated: On(rotated, endpoint_of),
        WebhookPingRequested: On(pinged, endpoint_of),
        WebhookEndpointDisabled: On(disabled, endpoint_of),
        WebhookEndpointRemoved: On(removed, endpoint_of),
    },
)


async def page(pool: Pool, wanted: Wanted, owner: str | None) -> Page:
    """Return WebhookEndpoints of `owner` (None: everybody's)."""
    return await fetch_page(pool, LISTING, wanted, owner)


async def one(pool: Pool, endpoint_id: str) -> Item | None:
    """Return one WebhookEndpoint and its owner."""
    return await fetch_item(pool, ONE, {"id": endpoint_id})


async def deliveries(pool: Pool, wanted: Wanted) -> Page:
    """Return Deliveries of the endpoint that `wanted` is fixed to."""
    return await fetch_page(pool, DELIVERIES, wanted, None)


SHAPE = """
id, user_id, scope, url, event_types, description, status, disabled_reason,
version, inserted_at, updated_at
"""
ONE = item_query("read.webhook_endpoints", SHAPE, "version", "ARRAY[user_id::text]")
LISTING = Listing(
    name="webhook_endpoints",
    table="read.webhook_endpoints",
    shape=SHAPE,
    filters=(enum("status", "ACTIVE", "DISABLED", reason=Reason.INVALID_STATUS),),
    sorts={
        "status": Sort("status"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    owner=("user_id = %(owner)s",),
)
DELIVERY = """
id, endpoint_id, event_type, position, status, attempts, response_status, last_error,
next_attempt_at, delivered_at, inserted_at
"""
DELIVERIES = Listing(
    name="deliveries",
    table="work.deliveries",
    shape=DELIVERY,
    filters=(
        identity_filter("endpoint_id"),
        enum("status", "pending", "delivered", "dead", reason=Reason.INVALID_STATUS),
    ),
    sorts={"position": Sort("position", "bigint"), "inserted_at": Sort("inserted_at")},
    usual="position:desc",
)
