"""Session: one token family; a replaced refresh token that comes back ends it (identity.md §6)."""

from typing import TypeAlias

import msgspec

from ledger.commands.session import CloseSession, EndSession, RefreshSession, StartSession
from ledger.errors import Reason, Refused
from ledger.events.event import sealed_or_none
from ledger.events.session import (
    RefreshTokenReuseDetected,
    SessionEnded,
    SessionEvent,
    SessionRefreshed,
    SessionStarted,
)

SessionCommand: TypeAlias = StartSession | RefreshSession | EndSession | CloseSession


class Unstarted(msgspec.Struct, frozen=True, tag="unstarted"):
    """Nobody has signed in."""


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The family lives; only refresh token `jti` may be exchanged."""

    session_id: str
    user_id: str
    jti: str
    expires_at: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Every token of the family is dead."""

    session_id: str
    user_id: str
    jti: str
    expires_at: str
    cause: str


Session: TypeAlias = Unstarted | Alive | Ended
UNSTARTED = Unstarted()


def decide(session: Session, command: SessionCommand) -> list[SessionEvent]:
    """Answer every command in every state; no answer means nothing to record."""
    match session, command:
        case Unstarted(), StartSession():
            return [started(command)]
        case Unstarted() | Ended(), CloseSession():
            raise Refused(Reason.SESSION_NOT_FOUND, field="id")
        case Unstarted(), _:
            raise Refused(Reason.TOKEN_NOT_FOUND)
        case Ended(), _:
            raise Refused(Reason.TOKEN_REVOKED)
        case Alive(), StartSession():
            return []
        case Alive(), RefreshSession(new_jti=jti) if jti == session.jti:
            return []
        case Alive(), RefreshSession(jti=jti) | EndSession(jti=jti) if jti != session.jti:
            return [RefreshTokenReuseDetected(jti=jti), SessionEnded(cause="reuse")]
        case Alive(), RefreshSession():
            return [refreshed(command)]
        case Alive(), EndSession() | CloseSession():
            return [SessionEnded(cause="logout")]


def started(command: StartSession) -> SessionStarted:
    """Tell that a family began."""
    return SessionStarted(
        session_id=command.session_id,
        user_id=command.user_id,
        jti=command.jti,
        expires_at=command.expires_at,
        ip=sealed_or_none(command.ip),
        user_agent=sealed_or_none(command.user_agent),
    )


def refreshed(command: RefreshSession) -> SessionRefreshed:
    """Replace the one token that may be exchanged."""
    return SessionRefreshed(
        old_jti=command.jti, new_jti=command.new_jti, expires_at=command.expires_at
    )


def evolve(session: Session, event: SessionEvent, _at: str) -> Session:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match session, event:
        case Unstarted(), SessionStarted():
            return Alive(event.session_id, event.user_id, event.jti, event.expires_at)
        case Unstarted(), _:
            raise AssertionError("a session starts before anything else")
        case Alive() | Ended(), SessionStarted():
            raise AssertionError("a session starts once")
        case Ended(), _:
            return session
        case Alive(), SessionRefreshed(new_jti=jti, expires_at=expires_at):
            return msgspec.structs.replace(session, jti=jti, expires_at=expires_at)
        case Alive(), RefreshTokenReuseDetected():
            return session
        case Alive(), SessionEnded(cause=cause):
            return Ended(
                session.session_id, session.user_id, session.jti, session.expires_at, cause
            )
