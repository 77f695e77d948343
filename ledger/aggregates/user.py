"""User: who may sign in, as what; and the roster that always keeps one administrator."""

from typing import TypeAlias

import msgspec

from ledger.commands.user import DeleteUser, InvalidateSessions, RegisterUser, SetPassword
from ledger.errors import Reason, Refused
from ledger.events.event import Sealed, sealed
from ledger.events.user import (
    AdminJoined,
    AdminLeft,
    RosterEvent,
    UserDeleted,
    UserEmailChanged,
    UserEvent,
    UserPasswordSet,
    UserReactivated,
    UserRegistered,
    UserRenamed,
    UserRoleChanged,
    UserSessionsInvalidated,
    UserSuspended,
    UserVerificationChanged,
)

UserCommand: TypeAlias = RegisterUser | InvalidateSessions | SetPassword | DeleteUser


class Unregistered(msgspec.Struct, frozen=True, tag="unregistered"):
    """Nobody yet."""


class Registered(msgspec.Struct, frozen=True, tag="registered"):
    """What deciding needs; `status` is ACTIVE, SUSPENDED or DELETED. No personal text in clear."""

    user_id: str
    email: Sealed
    full_name: Sealed
    role: str
    status: str = "ACTIVE"
    verified: bool = False
    session_version: int = 1

    @property
    def active(self) -> bool:
        """Say whether this user may sign in and act."""
        return self.status == "ACTIVE"

    @property
    def administers(self) -> bool:
        """Say whether this user counts as one of the administrators there must be."""
        return self.role == "admin" and self.active


User: TypeAlias = Unregistered | Registered
UNREGISTERED = Unregistered()


def decide(user: User, command: UserCommand) -> list[UserEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match user, command:
        case Unregistered(), RegisterUser():
            return [registered(command), UserPasswordSet(by="registration")]
        case Unregistered(), _:
            raise Refused(Reason.USER_NOT_FOUND)
        case Registered(), RegisterUser():
            return []
        case Registered(status="DELETED"), _:
            raise Refused(Reason.USER_NOT_FOUND)
        case Registered(), InvalidateSessions(session_version=meant) if meant not in {
            None,
            user.session_version,
        }:
            return []
        case Registered(), InvalidateSessions(cause=cause):
            return [invalidated(user, cause)]
        case Registered(), SetPassword():
            return [UserPasswordSet(by="self"), invalidated(user, "password_changed")]
        case Registered(), DeleteUser(erasure_id=erasure_id):
            return [invalidated(user, "deleted"), UserDeleted(erasure_id=erasure_id)]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is to become; None leaves it as it is. `reason` is why they are suspended."""

    role: str | None = None
    status: str | None = None
    verified: bool | None = None
    reason: str | None = None


def change_standing(user: Registered, wanted: Standing) -> list[UserEvent]:
    """Tell what is new about somebody's rights; another role and a suspension end all sessions."""
    events: list[UserEvent] = []
    if wanted.verified not in {None, user.verified}:
        events.append(UserVerificationChanged(verified=not user.verified))
    causes = []
    if wanted.role is not None and wanted.role != user.role:
        events.append(UserRoleChanged(before=user.role, to=wanted.role))
        causes.append("role_changed")
    if wanted.status not in {None, user.status}:
        if wanted.status == "SUSPENDED":
            events.append(UserSuspended(reason=wanted.reason))
            causes.append("suspended")
        else:
            events.append(UserReactivated())
    return [*events, *(invalidated(user, cause) for cause in causes[-1:])]


def invalidated(user: Registered, cause: str) -> UserSessionsInvalidated:
    """Tell that every session there is has ended."""
    return UserSessionsInvalidated(session_version=user.session_version + 1, cause=cause)


def registered(command: RegisterUser) -> UserRegistered:
    """Tell who joined."""
    return UserRegistered(
        user_id=command.user_id,
        email=sealed(command.email),
        full_name=sealed(command.full_name),
        role=command.role,
        origin=command.origin,
    )


def evolve(user: User, event: UserEvent, _at: str) -> User:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match user, event:
        case Unregistered(), UserRegistered():
            return Registered(
                user_id=event.user_id,
                email=event.email,
                full_name=event.full_name,
                role=event.role,
            )
        case Unregistered(), _:
            raise AssertionError("a user registers before anything else")
        case Registered(), UserRegistered():
            raise AssertionError("a user registers once")
        case Registered(), UserPasswordSet():
            return user
        case Registered(), UserEmailChanged(email=email):
            return msgspec.structs.replace(user, email=email)
        case Registered(), UserRenamed(full_name=full_name):
            return msgspec.structs.replace(user, full_name=full_name)
        case Registered(), UserVerificationChanged(verified=verified):
            return msgspec.structs.replace(user, verified=verified)
        case Registered(), UserRoleChanged(to=role):
            return msgspec.structs.replace(user, role=role)
        case Registered(), UserSessionsInvalidated(session_version=version):
            return msgspec.structs.replace(user, session_version=version)
        case Registered(), UserSuspended():
            return msgspec.structs.replace(user, status="SUSPENDED")
        case Registered(), UserReactivated():
            return msgspec.structs.replace(user, status="ACTIVE")
        case Registered(), UserDeleted():
            return msgspec.structs.replace(user, status="DELETED")


class Roster(msgspec.Struct, frozen=True, tag="roster"):
    """The ids of all active administrators."""

    admins: frozenset[str] = frozenset()


EMPTY_ROSTER = Roster()


def evolve_roster(roster: Roster, event: RosterEvent, _at: str) -> Roster:
    """Apply a fact about who administers."""
    match event:
        case AdminJoined(user_id=user_id):
            return Roster(roster.admins | {user_id})
        case AdminLeft(user_id=user_id):
            return Roster(roster.admins - {user_id})
