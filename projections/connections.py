"""Connections: which outside banks people are connected with, and how that stands."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.connection import (
    BankAccountFound,
    BankBalanceReported,
    BankHistoryRead,
    BankTransactionAmended,
    BankTransactionDropped,
    BankTransactionImported,
    BankTransactionMatched,
    BankTransactionPosted,
    ConnectionAuthorised,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRequested,
    ConnectionRevoked,
    ConnectionTokensRefreshed,
    SyncCompleted,
    SyncFailed,
    SyncFrequencyChanged,
    SyncRequested,
    SyncStarted,
)
from ledger.events.user import UserDeleted
from ledger.policies.banks import PROVIDERS
from ledger.times import later_by
from projections.erasing import erasing
from projections.filters import enum
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One connection; `sync_frequency` in seconds."""

    id: str
    user_id: str
    bank_id: str
    bank_branch_id: str
    provider: str
    username: str | None
    status: str = "PENDING"
    status_reason: str | None = None
    scope: str | None = None
    provider_user_id: str | None = None
    sync_frequency: int
    last_sync_at: str | None = None
    next_sync_at: str | None = None
    consent_expires_at: str | None = None
    version: int
    inserted_at: str
    updated_at: str


CONNECTION = Table("connections", Connection, names=("username", "provider_user_id"))


def requested(fold: Fold, logged: Logged[ConnectionRequested]) -> None:
    event, at = logged.event, logged.recorded_at
    connection = Connection(
        id=logged.subject,
        user_id=event.user_id,
        bank_id=event.bank_id,
        bank_branch_id=event.bank_branch_id,
        provider=event.provider,
        username=fold.known.name(event.username),
        sync_frequency=event.sync_frequency,
        version=logged.version,
        inserted_at=at,
        updated_at=at,
    )
    fold.rows.of(CONNECTION).put(connection)


def authorised(fold: Fold, logged: Logged[ConnectionAuthorised]) -> None:
    event = logged.event
    named = event.provider_user_id
    becomes(
        fold,
        logged,
        "ACTIVE",
        scope=event.scope,
        provider_user_id=None if named is None else fold.known.name(named),
        consent_expires_at=event.consent_expires_at,
    )


def failed(fold: Fold, logged: Logged[ConnectionFailed]) -> None:
    becomes(fold, logged, "ERROR", status_reason=logged.event.reason)


def expired(fold: Fold, logged: Logged[ConnectionExpired]) -> None:
    becomes(fold, logged, "EXPIRED", status_reason=logged.event.reason)


def revoked(fold: Fold, logged: Logged[ConnectionRevoked]) -> None:
    becomes(fold, logged, "REVOKED", status_reason=logged.event.cause)


def frequency_changed(fold: Fold, logged: Logged[SyncFrequencyChanged]) -> None:
    change(fold, logged, sync_frequency=logged.event.seconds)


def synced(fold: Fold, logged: Logged[SyncCompleted]) -> None:
    known = fold.rows.of(CONNECTION).get(logged.subject)
    if known.status == "ERROR":
        becomes(fold, logged, "ACTIVE", last_sync_at=logged.recorded_at)
    else:
        change(fold, logged, last_sync_at=logged.recorded_at)


def becomes(fold: Fold, logged: Logged[Any], status: str, **changes: Any) -> None:
    """Put the connection of `logged` into another state."""
    change(fold, logged, **{"status": status, "status_reason": None, **changes})


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the connection of `logged`; every event of its stream is a new version."""
    connections = fold.rows.of(CONNECTION)
    changed = replace(
        connections.get(logged.subject),
        version=logged.version,
        updated_at=logged.recorded_at,
        **changes,
    )
    connections.put(replace(changed, next_sync_at=next_sync(changed)))


def next_sync(connection: Connection) -> str | None:
    """Return when a connection is read again by itself."""
    if connection.last_sync_at is None or connection.status not in {"ACTIVE", "ERROR"}:
        return None
    return later_by(connection.last_sync_at, connection.sync_frequency)


def connection_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the connection that `logged` happened to."""
    return ((CONNECTION, logged.subject),)


def moved(apply: Callable[[Fold, Logged[Any]], None]) -> On:
    """Return how an event changes the connection it happened to."""
    return On(apply, connection_of)


READING = (
    ConnectionTokensRefreshed, SyncRequested, SyncStarted, SyncFailed, BankAccountFound,
    BankTransactionImported, BankTransactionPosted, BankTransactionAmended,
    BankTransactionMatched, BankTransactionDropped, BankHistoryRead, BankBalanceReported,
)  # fmt: skip
"""Events that only make a new version."""
PROJECTOR = Projector(
    "connections",
    (CONNECTION,),
    {
        UserDeleted: erasing(CONNECTION),
        ConnectionRequested: On(requested),
        ConnectionAuthorised: moved(authorised),
        ConnectionFailed: moved(failed),
        ConnectionExpired: moved(expired),
        ConnectionRevoked: moved(revoked),
        SyncFrequencyChanged: moved(frequency_changed),
        SyncCompleted: moved(synced),
        **{event: moved(change) for event in READING},
    },
)


async def page(pool: Pool, wanted: Wanted, owner: str | None) -> Page:
    """Return Connections of `owner`; None means everybody's."""
    return await fetch_page(pool, LISTING, wanted, owner)


async def one(pool: Pool, connection_id: str) -> Item | None:
    """Return one Connection and its owner."""
    return await fetch_item(pool, ONE, {"id": connection_id})


SHAPE = """
id, user_id, bank_branch_id, provider, username, status, status_reason, scope, provider_user_id,
sync_frequency, last_sync_at, next_sync_at, consent_expires_at, version, inserted_at, updated_at
"""
ONE = item_query("read.connections", SHAPE, "version", "ARRAY[user_id::text]")
LISTING = Listing(
    name="connections",
    table="read.connections",
    shape=SHAPE,
    filters=(
        enum(
            "status", "PENDING", "ACTIVE", "ERROR", "EXPIRED", "REVOKED",
            reason=Reason.INVALID_STATUS,
        ),
        enum("provider", *PROVIDERS, reason=Reason.INVALID_FIELD_VALUE),
    ),
    sorts={
        "status": Sort("status"),
        "last_sync_at": Sort("last_sync_at", nullable=True),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    owner=("user_id = %(owner)s",),
)  # fmt: skip
