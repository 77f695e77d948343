"""Service accounts: which machines there are, and what they may do."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.service_account import (
    ServiceAccountCreated,
    ServiceAccountDisabled,
    ServiceKeyRotated,
)
from projections.filters import enum
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One service account; `scopes` is a JSON array of their names."""

    id: str
    name: str
    scopes: msgspec.Raw
    status: str = "ACTIVE"
    key_prefix: str
    version: int
    inserted_at: str
    updated_at: str


SERVICE_ACCOUNT = Table("service_accounts", ServiceAccount)


def created(fold: Fold, logged: Logged[ServiceAccountCreated]) -> None:
    event = logged.event
    account = ServiceAccount(
        id=logged.subject,
        name=event.name,
        scopes=msgspec.Raw(msgspec.json.encode(event.scopes)),
        key_prefix=event.key_prefix,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(SERVICE_ACCOUNT).put(account)


def rotated(fold: Fold, logged: Logged[ServiceKeyRotated]) -> None:
    change(fold, logged, key_prefix=logged.event.key_prefix)


def disabled(fold: Fold, logged: Logged[ServiceAccountDisabled]) -> None:
    change(fold, logged, status="DISABLED")


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the service account of `logged`."""
    accounts = fold.rows.of(SERVICE_ACCOUNT)
    account = accounts.get(logged.subject)
    accounts.put(replace(account, version=logged.version, updated_at=logged.recorded_at, **changes))


def account_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the service account that `logged` happened to."""
    return ((SERVICE_ACCOUNT, logged.subject),)


PROJECTOR = Projector(
    "service_accounts",
    (SERVICE_ACCOUNT,),
    {
        ServiceAccountCreated: On(created),
        ServiceKeyRotated: On(rotated, account_of),
        ServiceAccountDisabled: On(disabled, account_of),
    },
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return ServiceAccounts, disabled ones too."""
    return await fetch_page(pool, LISTING, wanted, None)


async def one(pool: Pool, service_id: str) -> Item | None:
    """Return one ServiceAccount, which nobody owns."""
    return await fetch_item(pool, ONE, {"id": service_id})


SHAPE = """
id, name, scopes, status, key_prefix,
(SELECT last_used_at FROM log.service_keys WHERE service_keys.service_id = t.id) AS last_used_at,
version, inserted_at, updated_at
"""
ONE = item_query("read.service_accounts", SHAPE, "version", "ARRAY[]::text[]")
LISTING = Listing(
    name="service_accounts",
    table="read.service_accounts",
    shape=SHAPE,
    filters=(enum("status", "ACTIVE", "DISABLED", reason=Reason.INVALID_STATUS),),
    sorts={
        "name": Sort("name"),
        "status": Sort("status"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
)
