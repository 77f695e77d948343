"""What can have happened to a user, and to the roster of administrators."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class UserRegistered(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserRegistered"
    user_id: str
    email: Sealed
    full_name: Sealed
    role: str
    origin: str


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


class AdminJoined(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AdminJoined"
    user_id: str


class AdminLeft(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AdminLeft"
    user_id: str
    cause: str


UserEvent: TypeAlias = (
    UserRegistered | UserPasswordSet | UserSessionsInvalidated | UserSuspended | UserReactivated
)
RosterEvent: TypeAlias = AdminJoined | AdminLeft
