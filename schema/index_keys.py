"""Index keys: which one the keyed hashes beside the log are made with, and those before it.

Of the key in use only the id is stored. A replaced one is kept, sealed, while requests of its time
may be repeated: their fingerprints were made with it.
"""

import hmac
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.identity import new_id
from schema.seals import SELECT_BY_SUBJECT, DataKey, KeyEncryptionKeys, WrappedKey

SUBJECT = "house-index"
"""Whose data key seals what a replaced key leaves: nobody in particular."""
ID_CHARACTERS = 16


class InUse(msgspec.Struct, frozen=True):
    """The id of the key in use, and whether the audit log was told of it."""

    key_id: str
    told: bool


class Kept(msgspec.Struct, frozen=True):
    """Something sealed under a data key that is read with it."""

    label: str
    sealed: bytes
    kid: str
    subject: str
    wrapped: bytes
    wrapped_by: str

    def opened(self, keks: KeyEncryptionKeys) -> bytes:
        """Return what was sealed."""
        row = WrappedKey(self.kid, self.subject, self.wrapped, self.wrapped_by)
        return keks.unwrap(row).open_bytes(self.sealed, self.label)


def keyed_hash(index_key: bytes, *parts: str | int) -> str:
    """Return the keyed hash (hex) that stands for `parts`."""
    return hmac.digest(index_key, "\x1f".join(map(str, parts)).encode(), "sha256").hex()


def id_of(index_key: bytes) -> str:
    """Return the id of a key, which tells nothing about it."""
    return keyed_hash(index_key, "ledgerbank", "index key")[:ID_CHARACTERS]


def in_use(connection: Connection[Any]) -> InUse | None:
    """Return the key in use; None where no program has said it yet."""
    return connection.cursor(row_factory=class_row(InUse)).execute(IN_USE).fetchone()


def register(connection: Connection[Any], index_key: bytes) -> None:
    """Say which key is in use, where nobody has."""
    connection.execute(REGISTER, (id_of(index_key),))


def earlier_keys(connection: Connection[Any], keks: KeyEncryptionKeys) -> tuple[bytes, ...]:
    """Return the keys whose fingerprints still count, the newest first."""
    rows = connection.cursor(row_factory=class_row(Kept)).execute(EARLIER).fetchall()
    return tuple(row.opened(keks) for row in rows)


def earlier_ids(connection: Connection[Any]) -> tuple[str, ...]:
    """Return the ids of the keys whose fingerprints still count, the newest first."""
    return tuple(row[0] for row in connection.execute(EARLIER_IDS).fetchall())


def replace(connection: Connection[Any], house: DataKey, before: bytes, after: bytes) -> None:
    """Put `after` in the place of `before`, which is kept sealed; the audit log is told later."""
    old = id_of(before)
    connection.execute(RETIRE, (house.kid, house.seal_bytes(before, old), old))
    connection.execute(INSTALL, (id_of(after),))


def told(connection: Connection[Any]) -> None:
    """Know that the audit log was told of the key in use."""
    connection.execute(TOLD)


def house_key(connection: Connection[Any], keks: KeyEncryptionKeys) -> DataKey:
    """Return the data key that seals what a replaced key leaves, making it the first time."""
    cursor = connection.cursor(row_factory=class_row(WrappedKey))
    found = cursor.execute(SELECT_BY_SUBJECT.encode(), ([SUBJECT],)).fetchone()
    if found is None:
        found = keks.new_data_key(new_id(), SUBJECT)
        connection.execute(FOUND, msgspec.structs.astuple(found))
    return keks.unwrap(found)


IN_USE = b"SELECT key_id, told FROM log.index_keys WHERE replaced_at IS NULL"
REGISTER = b"INSERT INTO log.index_keys (key_id) VALUES (%s) ON CONFLICT DO NOTHING"
EARLIER = b"""
SELECT i.key_id AS label, i.sealed, k.kid::text, k.subject, k.wrapped, k.wrapped_by
FROM log.index_keys AS i JOIN log.data_keys AS k USING (kid)
WHERE i.sealed IS NOT NULL ORDER BY i.replaced_at DESC
"""
EARLIER_IDS = (
    b"SELECT key_id FROM log.index_keys WHERE sealed IS NOT NULL ORDER BY replaced_at DESC"
)
RETIRE = b"""
UPDATE log.index_keys SET replaced_at = clock_timestamp(), kid = %s, sealed = %s WHERE key_id = %s
"""
INSTALL = b"""
INSERT INTO log.index_keys (key_id, told) VALUES (%s, false)
ON CONFLICT (key_id) DO UPDATE SET replaced_at = NULL, kid = NULL, sealed = NULL, told = false
"""
TOLD = b"UPDATE log.index_keys SET told = true WHERE replaced_at IS NULL"
FOUND = b"INSERT INTO log.data_keys (kid, subject, wrapped, wrapped_by) VALUES (%s, %s, %s, %s)"
