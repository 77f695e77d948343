"""Keys of service accounts: the rows written beside the log, read by requests that bring a key."""

from typing import Any

import msgspec
from psycopg import AsyncConnection


class ServiceKeyRow(msgspec.Struct, frozen=True):
    """What a key is judged by: SHA-256 of the one that counts, and how many there have been.

    `last_used_at` is RFC 3339 text, a minute late at most; None for a machine that never called.
    """

    key_hash: bytes
    generation: int
    scopes: list[str]
    status: str
    last_used_at: str | None


async def service_key_of(connection: AsyncConnection[Any], service_id: str) -> ServiceKeyRow | None:
    """Read what is known of a service account's key; None for an unknown account."""
    cursor = await connection.execute(SERVICE_KEY, (service_id,))
    row = await cursor.fetchone()
    return None if row is None else ServiceKeyRow(*row)


async def note_use(connection: AsyncConnection[Any], service_id: str, now: str) -> None:
    """Note that a service account called; an older time never replaces a newer one."""
    await connection.execute(NOTE_USE, (now, service_id, now))


SERVICE_KEY = """
SELECT key_hash, generation, scopes, status, last_used_at
FROM log.service_keys WHERE service_id = %s
"""
NOTE_USE = """
UPDATE log.service_keys SET last_used_at = %s
WHERE service_id = %s AND coalesce(last_used_at, '') < %s
"""
