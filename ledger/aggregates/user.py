"""User: who may sign in, as what; and the roster that always keeps one administrator."""

from typing import TypeAlias

import msgspec

from ledger.commands.user import InvalidateSessions, RegisterUser
from ledger.errors import Reason, Refused
from ledger.events.event import Sealed, sealed
from ledger.events.user import (
    AdminJoined,
    AdminLeft,
    RosterEvent,
    UserEvent,
    UserPasswordSet,
    UserReactivated,
    UserRegistered,
    UserSessionsInvalidated,
    UserSuspended,
)

UserCommand: TypeAlias = RegisterUser | InvalidateSessions


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
        case Registered(), InvalidateSessions(session_version=meant) if meant not in {
            None,
            user.session_version,
        }:
            return []
        case Registered(), InvalidateSessions(cause=cause):
            version = user.session_version + 1
            return [UserSessionsInvalidated(session_version=version, cause=cause)]


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
        case Registered(), UserSessionsInvalidated(session_version=version):
            return msgspec.structs.replace(user, session_version=version)
        case Registered(), UserSuspended():
            return msgspec.structs.replace(user, status="SUSPENDED")
        case Registered(), UserReactivated():
            return msgspec.structs.replace(user, status="ACTIVE")


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
