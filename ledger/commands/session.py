"""Commands about sessions."""

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class StartSession(Command, frozen=True, kw_only=True):
    """Open a token family; refused when the user is not active."""

    session_id: str
    user_id: str
    jti: str
    expires_at: str
    ip: PersonalText | None = None
    user_agent: PersonalText | None = None


class RefreshSession(Command, frozen=True, kw_only=True):
    """Exchange refresh token `jti` of a family for `new_jti`; a replaced one kills the family."""

    session_id: str
    user_id: str
    session_version: int
    jti: str
    new_jti: str
    expires_at: str


class EndSession(Command, frozen=True, kw_only=True):
    """Log out the family that `jti` belongs to."""

    session_id: str
    user_id: str
    session_version: int
    jti: str


class CloseSession(Command, frozen=True, kw_only=True):
    """End one of the caller's own families, from whichever session they ask."""

    session_id: str
