"""Commands about users."""

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class RegisterUser(Command, frozen=True, kw_only=True):
    """`email_claim` is the keyed hash of the normalised address; the password is hashed already."""

    user_id: str
    email: PersonalText
    email_claim: str
    full_name: PersonalText
    role: str = "user"
    origin: str = "public"
    password_hash: str
    data_key_id: str


class InvalidateSessions(Command, frozen=True, kw_only=True):
    """End every session of one user: their session version rises.

    `session_version` is the one whose sessions are meant: once it has risen nothing is left to do.
    None means whichever it is by then.
    """

    user_id: str
    cause: str
    session_version: int | None = None


class SetPasswordHash(Command, frozen=True, kw_only=True):
    """Store a rehash of the same password after the parameters changed; no event."""

    user_id: str
    password_hash: str
