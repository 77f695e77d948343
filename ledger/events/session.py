"""What can have happened to a session: one token family from login to its end."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class SessionStarted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SessionStarted"
    session_id: str
    user_id: str
    jti: str
    expires_at: str
    ip: Sealed | None
    user_agent: Sealed | None


class SessionRefreshed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SessionRefreshed"
    old_jti: str
    new_jti: str
    expires_at: str


class RefreshTokenReuseDetected(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "RefreshTokenReuseDetected"
    jti: str


class SessionEnded(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SessionEnded"
    cause: str


SessionEvent: TypeAlias = (
    SessionStarted | SessionRefreshed | RefreshTokenReuseDetected | SessionEnded
)
