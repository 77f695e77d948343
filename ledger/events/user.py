"""What can have happened to a user, and to the roster of administrators."""

from typing import ClassVar, TypeAlias

import msgspec

from ledger.events.event import Event, Sealed


class UserRegistered(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserRegistered"
    user_id: str
    email: Sealed
    full_name: Sealed
    role: str
    origin: str


class UserEmailChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserEmailChanged"
    email: Sealed


class UserRenamed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserRenamed"
    full_name: Sealed


class UserVerificationChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserVerificationChanged"
    verified: bool


class UserRoleChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserRoleChanged"
    before: str = msgspec.field(name="from")
    to: str


class UserPasswordSet(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserPasswordSet"
    by: str


class UserSessionsInvalidated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserSessionsInvalidated"
    session_version: int
    cause: str


class UserSuspended(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserSuspended"
    reason: str | None = None


class UserReactivated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserReactivated"


class UserDeleted(Event, frozen=True, kw_only=True):
    """The person's data key, credential and address are gone since the same transaction."""

    stored_as: ClassVar[str] = "UserDeleted"
    erasure_id: str


class AdminJoined(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AdminJoined"
    user_id: str


class AdminLeft(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AdminLeft"
    user_id: str
    cause: str


UserEvent: TypeAlias = (
    UserRegistered
    | UserEmailChanged
    | UserRenamed
    | UserVerificationChanged
    | UserRoleChanged
    | UserPasswordSet
    | UserSessionsInvalidated
    | UserSuspended
    | UserReactivated
    | UserDeleted
)
RosterEvent: TypeAlias = AdminJoined | AdminLeft
