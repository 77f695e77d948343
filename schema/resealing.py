"""Resealing: what the token ring keeps is brought under its active key (banking.md §3.1).

The vault goes on being used meanwhile: a row that changed since it was read is left as it is.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from psycopg import Connection

from schema.token_ring import TokenRing


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows are under the active key now; `locked` are connections no key opens."""

    tokens: int
    journeys: int
    locked: tuple[str, ...]


def reseal(connection: Connection[Any], ring: TokenRing) -> Resealed:
    """Bring everything under the active key; a second run finds nothing to do."""
    locked = set[str]()
    tokens = sum(changed_rows(connection, ring, locked, TOKENS, CHANGE_TOKENS))
    journeys = sum(changed_rows(connection, ring, locked, JOURNEYS, CHANGE_JOURNEY))
    return Resealed(tokens=tokens, journeys=journeys, locked=tuple(sorted(locked)))


def changed_rows(
    connection: Connection[Any], ring: TokenRing, locked: set[str], query: bytes, change: bytes
) -> Iterator[int]:
    """Reseal what a query finds, row by row; yield how many rows each change touched."""
    for row, connection_id, key_id, *sealed in connection.execute(query, (ring.active,)).fetchall():
        try:
            again = [turned(ring, key_id, each, connection_id) for each in sealed]
        except (KeyError, InvalidTag):
            locked.add(connection_id)
            continue
        yield connection.execute(change, (ring.active, *again, row, *sealed)).rowcount


def turned(ring: TokenRing, key_id: str, content: bytes | None, label: str) -> bytes | None:
    """Return the same text under the active key."""
    return None if content is None else ring.seal(ring.open(key_id, content, label), label).content


TOKENS = b"""
SELECT connection_id, connection_id::text, key_id, access, refresh
FROM log.bank_tokens WHERE key_id <> %s
"""
CHANGE_TOKENS = b"""
UPDATE log.bank_tokens SET key_id = %s, access = %s, refresh = %s
WHERE connection_id = %s AND access = %s AND refresh IS NOT DISTINCT FROM %s
"""
JOURNEYS = b"""
SELECT state, connection_id::text, key_id, verifier
FROM work.bank_journeys WHERE key_id <> %s AND used_at IS NULL AND expires_at > now()
"""
CHANGE_JOURNEY = b"""
UPDATE work.bank_journeys SET key_id = %s, verifier = %s WHERE state = %s AND verifier = %s
"""
