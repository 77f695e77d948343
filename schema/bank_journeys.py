"""Journeys: customers on their way to a bank, each known by a state that is used once.

Only the hash of a state is kept; the PKCE verifier is sealed.
"""

from hashlib import sha256

import msgspec
from psycopg.rows import class_row

from schema.postgres import Pool
from schema.token_ring import SealedText

LIFE_SECONDS = 10 * 60


class Journey(msgspec.Struct, frozen=True):
    """A journey that came to its end in time."""

    connection_id: str
    user_id: str
    key_id: str
    verifier: bytes


async def begin(
    pool: Pool, state: str, connection_id: str, user_id: str, verifier: SealedText
) -> None:
    """Remember a journey for ten minutes; forget those that are long over."""
    values = (
        hashed(state), connection_id, user_id, verifier.key_id, verifier.content, LIFE_SECONDS,
    )  # fmt: skip
    async with pool.connection() as connection:
        await connection.execute(FORGET)
        await connection.execute(BEGIN, values)


async def end(pool: Pool, state: str) -> Journey | None:
    """Use a state up; None when it is unknown, used or too old."""
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(Journey))
        await cursor.execute(END, (hashed(state),))
        return await cursor.fetchone()


def hashed(state: str) -> bytes:
    """Return what a state is kept as."""
    return sha256(state.encode()).digest()


FORGET = "DELETE FROM work.bank_journeys WHERE expires_at < now() - interval '1 day'"
BEGIN = """
INSERT INTO work.bank_journeys (state, connection_id, user_id, key_id, verifier, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + make_interval(secs => %s))
"""
END = """
UPDATE work.bank_journeys SET used_at = now()
WHERE state = %s AND used_at IS NULL AND expires_at > now()
RETURNING connection_id::text, user_id::text, key_id, verifier
"""
