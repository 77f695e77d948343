"""Who may act now: the rows written beside the log in its own transactions, read per request.

Never a read model: a session that was ended a millisecond ago is dead here (identity.md §5).
"""

import hmac
from typing import Any

import msgspec
from psycopg import AsyncConnection


class PrincipalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user and one of their sessions; `session_alive` is None for a session nobody knows."""

    role: str
    status: str
    session_version: int
    session_alive: bool | None
    session_expires_at: str | None = None

    @property
    def alive(self) -> bool:
        """Say whether the session lives and its user is active."""
        return self.session_alive is True and self.status == "ACTIVE"


class CredentialRow(msgspec.Struct, frozen=True):
    """What signing in is judged by."""

    user_id: str
    password_hash: str
    role: str
    status: str


def email_claim(index_key: bytes, email: str) -> str:
    """Return the keyed hash that stands for a normalised address wherever it must be found."""
    return hmac.digest(index_key, email.encode(), "sha256").hex()


async def principal_of(
    connection: AsyncConnection[Any], user_id: str, session_id: str
) -> PrincipalRow | None:
    """Read a user and one of their sessions in one round trip; None for an unknown user."""
    cursor = await connection.execute(PRINCIPAL, (session_id, user_id))
    row = await cursor.fetchone()
    if row is None:
        return None
    role, status, session_version, alive, expires_at = row
    return PrincipalRow(
        role=role,
        status=status,
        session_version=session_version,
        session_alive=alive,
        session_expires_at=expires_at,
    )


async def credential_of(connection: AsyncConnection[Any], claim: str) -> CredentialRow | None:
    """Read the credential behind an address, by its keyed hash."""
    cursor = await connection.execute(CREDENTIAL, (claim,))
    row = await cursor.fetchone()
    return None if row is None else CredentialRow(*row)


PRINCIPAL = """
SELECT principals.role, principals.status, principals.session_version,
    session_state.alive, session_state.expires_at
FROM log.principals
LEFT JOIN log.session_state
    ON session_state.session_id = %s AND session_state.user_id = principals.user_id
WHERE principals.user_id = %s
"""
CREDENTIAL = """
SELECT principals.user_id::text, credentials.password_hash, principals.role, principals.status
FROM log.claims
JOIN log.principals ON principals.user_id = claims.holder::uuid
JOIN log.credentials ON credentials.user_id = principals.user_id
WHERE claims.namespace = 'email' AND claims.key = %s
"""
