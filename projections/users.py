"""Users: who they are as far as anybody may still know, and whether they may act."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.session import SessionStarted
from ledger.events.user import (
    UserDeleted,
    UserEmailChanged,
    UserPasswordSet,
    UserReactivated,
    UserRegistered,
    UserRenamed,
    UserRoleChanged,
    UserSessionsInvalidated,
    UserSuspended,
    UserVerificationChanged,
)
from projections.erasing import beginning, erase
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


USER = Table("users", User, owner="id", names=("email", "full_name"))


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


def moved(fold: Fold, logged: Logged[UserEmailChanged]) -> None:
    change(fold, logged, email=fold.known.name(logged.event.email))


def renamed(fold: Fold, logged: Logged[UserRenamed]) -> None:
    change(fold, logged, full_name=fold.known.name(logged.event.full_name))


def verified(fold: Fold, logged: Logged[UserVerificationChanged]) -> None:
    change(fold, logged, verified=logged.event.verified)


def promoted(fold: Fold, logged: Logged[UserRoleChanged]) -> None:
    change(fold, logged, role=logged.event.to)


def suspended(fold: Fold, logged: Logged[UserSuspended]) -> None:
    change(fold, logged, status="SUSPENDED")


def reactivated(fold: Fold, logged: Logged[UserReactivated]) -> None:
    change(fold, logged, status="ACTIVE")


def deleted(fold: Fold, logged: Logged[UserDeleted]) -> None:
    change(fold, logged, status="DELETED", email=None, full_name=None)
    erase(fold, logged, (USER,))


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
        UserEmailChanged: On(moved, user_of),
        UserRenamed: On(renamed, user_of),
        UserVerificationChanged: On(verified, user_of),
        UserRoleChanged: On(promoted, user_of),
        UserPasswordSet: On(change, user_of),
        UserSessionsInvalidated: On(change, user_of),
        UserSuspended: On(suspended, user_of),
        UserReactivated: On(reactivated, user_of),
        UserDeleted: On(deleted, user_of, beginning),
        SessionStarted: On(signed_in, user_of_session),
    },
)


async def page(pool: Pool, wanted: Wanted) -> Page:
    """Return Users; deleted ones only when asked for."""
    return await fetch_page(pool, LISTING, wanted, None)


async def one(pool: Pool, user_id: str) -> Item | None:
    """Return one User, whoever that is the owner."""
    return await fetch_item(pool, ONE, {"id": user_id})


async def stats(pool: Pool) -> bytes:
    """Count users by what they are; the total is those who are active or suspended."""
    async with pool.connection() as connection:
        row = await (await connection.execute(STATS)).fetchone()
    assert row is not None, "an aggregate has one row"
    counted: bytes = row[0]
    return counted


async def last_login(pool: Pool, user_id: str) -> str | None:
    """Return when somebody signed in last, as far as is known by now."""
    async with pool.connection() as connection:
        row = await (await connection.execute(LAST_LOGIN, (user_id,))).fetchone()
    return None if row is None else row[0]


LAST_LOGIN = b"SELECT last_login_at FROM read.users WHERE id = %s"
STATS = b"""
SELECT to_json(counted) FROM (
    SELECT count(*) FILTER (WHERE status <> 'DELETED') AS total_users,
        count(*) FILTER (WHERE status = 'ACTIVE') AS active_users,
        count(*) FILTER (WHERE status = 'SUSPENDED') AS suspended_users,
        count(*) FILTER (WHERE status = 'DELETED') AS deleted_users,
        count(*) FILTER (WHERE role = 'admin' AND status <> 'DELETED') AS admin_users
    FROM read.users
) AS counted
"""
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
