"""Commands about users."""

from typing import TypeAlias

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


class UpdateUser(Command, frozen=True, kw_only=True):
    """Change a person as staff; None leaves a field as it is.

    `email_claim` is the keyed hash of the new address, given exactly when `email` is.
    """

    user_id: str
    email: PersonalText | None = None
    email_claim: str | None = None
    full_name: PersonalText | None = None
    role: str | None = None
    status: str | None = None
    verified: bool | None = None


class UpdateProfile(Command, frozen=True, kw_only=True):
    """Change oneself; fields as in `UpdateUser`."""

    user_id: str
    email: PersonalText | None = None
    email_claim: str | None = None
    full_name: PersonalText | None = None
    role: str | None = None
    status: str | None = None


class ChangeRole(Command, frozen=True, kw_only=True):
    """Give a person another role."""

    user_id: str
    role: str


class SuspendUser(Command, frozen=True, kw_only=True):
    """Keep a person out until they are reactivated."""

    user_id: str
    reason: str | None = None


class ReactivateUser(Command, frozen=True, kw_only=True):
    """Let a suspended person in again; their old tokens stay dead."""

    user_id: str


class SetPassword(Command, frozen=True, kw_only=True):
    """Replace one's password, end all sessions and open a fresh one, all at once."""

    user_id: str
    password_hash: str
    session_id: str
    jti: str
    expires_at: str
    ip: PersonalText | None = None
    user_agent: PersonalText | None = None


class DeleteUser(Command, frozen=True, kw_only=True):
    """Erase a person; their place in the books stays."""

    user_id: str
    erasure_id: str


StandingCommand: TypeAlias = ChangeRole | SuspendUser | ReactivateUser
PersonCommand: TypeAlias = UpdateUser | UpdateProfile | StandingCommand
"""What changes a person and shows them afterwards."""
