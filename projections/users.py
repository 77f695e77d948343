"""Users: who they are as far as anybody may still know, and whether they may act."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.session import SessionStarted
from ledger.events.user import (
    UserPasswordSet,
    UserReactivated,
    UserRegistered,
    UserSessionsInvalidated,
    UserSuspended,
)
from projections.filters import address, dates, enum, flag
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class User(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One user; `email` and `full_name` are None once erased."""

    id: str
    email: str | None
    full_name: str | None
    status: str = "ACTIVE"
    role: str
    verified: bool = False
    last_login_at: str | None = None
    version: int
    inserted_at: str
    updated_at: str


USER = Table("users", User)


def registered(fold: Fold, logged: Logged[UserRegistered]) -> None:
    event = logged.event
    user = User(
        id=event.user_id,
        email=fold.known.name(event.email),
        full_name=fold.known.name(event.full_name),
        role=event.role,
        version=logged.version,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(USER).put(user)


def suspended(fold: Fold, logged: Logged[UserSuspended]) -> None:
    change(fold, logged, status="SUSPENDED")


def reactivated(fold: Fold, logged: Logged[UserReactivated]) -> None:
    change(fold, logged, status="ACTIVE")


def signed_in(fold: Fold, logged: Logged[SessionStarted]) -> None:
    users = fold.rows.of(USER)
    user = users.get(logged.event.user_id)
    users.put(replace(user, last_login_at=logged.recorded_at))


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the user of `logged`; every event of its stream is a new version."""
    users = fold.rows.of(USER)
    user = users.get(logged.subject)
    users.put(replace(user, version=logged.version, updated_at=logged.recorded_at, **changes))


def user_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the user that `logged` happened to."""
    return ((USER, logged.subject),)


def user_of_session(logged: Logged[SessionStarted]) -> Iterable[Key]:
    """Name the user who signed in."""
    return ((USER, logged.event.user_id),)


PROJECTOR = Projector(
    "users",
    (USER,),
    {
        UserRegistered: On(registered),
        UserPasswordSet: On(change, user_of),
        UserSessionsInvalidated: On(change, user_of),
        UserSuspended: On(suspended, user_of),
        UserReactivated: On(reactivated, user_of),
        SessionStarted: On(signed_in, user_of_session),
    },
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Users; deleted ones only when asked for."""
    return await fetch_page(pool, LISTING, wanted, None)


async def one(pool: Pool, user_id: str) -> Item | None:
    """Return one User, whoever that is the owner."""
    return await fetch_item(pool, ONE, {"id": user_id})


SHAPE = """
id, email, full_name, status, role, status = 'ACTIVE' AS active, verified,
status = 'SUSPENDED' AS suspended, status = 'DELETED' AS deleted, last_login_at,
version, inserted_at, updated_at
"""
ONE = item_query("read.users", SHAPE, "version", "ARRAY[id::text]")
LISTING = Listing(
    name="users",
    table="read.users",
    shape=SHAPE,
    filters=(
        enum("status", "ACTIVE", "SUSPENDED", "DELETED", reason=Reason.INVALID_STATUS),
        enum("role", "user", "support", "admin", "auditor", reason=Reason.INVALID_ROLE),
        flag("active", "status = 'ACTIVE'"),
        flag("verified", "verified"),
        flag("suspended", "status = 'SUSPENDED'"),
        flag("deleted", "status = 'DELETED'"),
        address(),
        *dates("inserted_at"),
    ),
    sorts={
        "email": Sort("email", nullable=True),
        "full_name": Sort("full_name", nullable=True),
        "status": Sort("status"),
        "role": Sort("role"),
        "inserted_at": Sort("inserted_at"),
        "updated_at": Sort("updated_at"),
    },
    hidden="status <> 'DELETED'",
    shown_by=(("status", "DELETED"), ("deleted", True)),
)
