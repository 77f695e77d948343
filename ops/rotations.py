"""Rotations: a key of this deployment is replaced, and nothing that was made with it is lost.

A key that was generated is replaced by a generated one. A key that is kept elsewhere is changed
there first; what is left to do here is done with the one that is given now.
"""

from time import monotonic, sleep
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.events.audit import Fact, KeysRotated
from ops.readmodels import keks_of
from ops.sealing import seal_now, signer
from ops.settings import Settings, SettingsRefused, generated
from ops.settings.generated import AUDIT_KEY, DATA_KEYS, FILE, SECRET
from ops.settings.secrets import key_ring, symmetric_key
from ops.signing_in import tokens_of
from schema.postgres import connect
from schema.seals import KeyEncryptionKeys, WrappedKey

BATCH_ROWS = 1_000
LEAVING_SECONDS, LOOK_SECONDS = 1.0, 0.02


class StillRunning(Exception):
    """Others use the database; they would not know a key that is made now."""

    def __init__(self, connections: int) -> None:
        super().__init__(
            f"{connections} connections of others: stop every process of this deployment first,"
            " they know the keys of their start only"
        )


class Rotated(msgspec.Struct, frozen=True):
    """Which key is used from now on, which ones before it still count, and what was renewed."""

    purpose: str
    active: str
    previous: tuple[str, ...]
    renewed: int = 0

    def event(self) -> KeysRotated:
        """Return what the audit log is told."""
        details: dict[str, Fact] = {
            "purpose": self.purpose,
            "active": self.active,
            "previous": self.previous,
            "renewed": self.renewed,
        }
        return KeysRotated(outcome="success", details=details)


def replace_token_secret(settings: Settings, _dsn: str) -> None:
    """Sign tokens with a new secret; refuses one that somebody else keeps."""
    identity = settings.identity
    if identity.jwt_private_key is not None or not made_here(settings, SECRET):
        raise SettingsRefused(
            [
                "JWT_SECRET or JWT_PRIVATE_KEY is given: change it where it is kept,"
                " and list the old key in JWT_PREVIOUS_KEYS"
            ]
        )
    if identity.jwt_key_id is not None:
        raise SettingsRefused(["JWT_KEY_ID names one key: leave it out to rotate generated ones"])
    generated.replace_token_secret(settings.core.data_dir)


def token_secret(before: Settings, after: Settings, _dsn: str) -> Rotated:
    """Say which secret signs tokens now, and which one before it still verifies."""
    old, new = tokens_of(before).signing.kid, tokens_of(after).signing.kid
    return Rotated("jwt", new, (old,))


def renew_data_keys(settings: Settings, dsn: str) -> None:
    """Put a generated key before the ring; a ring that is given has the new key first already."""
    refuse_unknown(settings, dsn)
    if made_here(settings, DATA_KEYS):
        refuse_company(dsn)
        generated.add_data_key(settings.core.data_dir)


def data_keys(_before: Settings, after: Settings, dsn: str) -> Rotated:
    """Wrap every data key under the first key of the ring; those after it open none any more."""
    keks = keks_of(after)
    with connect(dsn, "ledgerbank_app") as connection:
        renewed = rewrap_all(connection, keks)
    return Rotated("data", keks.active, tuple(keks.ciphers)[1:], renewed)


def rewrap_all(connection: Connection[Any], keks: KeyEncryptionKeys) -> int:
    """Wrap batch by batch, each in its own transaction; a key destroyed meanwhile stays so."""
    renewed = 0
    while rows := others(connection, keks.active):
        made = [keks.rewrap(row) for row in rows]
        with connection.transaction():
            columns = (keks.active, [row.kid for row in made], [row.wrapped for row in made])
            renewed += connection.execute(REWRAP, columns).rowcount
    return renewed


def others(connection: Connection[Any], active: str) -> list[WrappedKey]:
    """Return some rows that are wrapped under another key."""
    cursor = connection.cursor(row_factory=class_row(WrappedKey))
    return cursor.execute(OTHERS, (active, BATCH_ROWS)).fetchall()


def renew_audit_key(settings: Settings, dsn: str) -> None:
    """Seal with the key as it is, and generate the next; one that is given is changed already."""
    if made_here(settings, AUDIT_KEY):
        refuse_company(dsn)
        seal_now(settings, dsn)
        generated.replace_audit_key(settings.core.data_dir)
    elif signed_last(dsn) == signer(settings).key_id:
        raise SettingsRefused(
            ["AUDIT_SIGNING_KEY is given: change it where it is kept, then run this again"]
        )


def audit_key(_before: Settings, after: Settings, dsn: str) -> Rotated:
    """Say which key signs from now on, and which have signed before it."""
    key_id = signer(after).key_id
    with connect(dsn, "ledgerbank_app") as connection:
        before = tuple(row[0] for row in connection.execute(AUDIT_KEYS).fetchall())
    return Rotated("audit", key_id, tuple(each for each in before if each != key_id))


def refuse_unknown(settings: Settings, dsn: str) -> None:
    """Refuse a ring without a key that data keys are wrapped under."""
    with connect(dsn, "ledgerbank_app") as connection:
        rows = connection.execute(UNKNOWN, (list(keks_of(settings).ciphers),)).fetchall()
    if rows:
        lost = ", ".join(row[0] for row in rows)
        raise SettingsRefused([f"DATA_KEY_ENCRYPTION_KEYS lacks {lost}, which is still in use"])


def signed_last(dsn: str) -> str | None:
    """Return the key of the newest tree head."""
    with connect(dsn, "ledgerbank_app") as connection:
        row = connection.execute(SIGNED_LAST).fetchone()
    return None if row is None else str(row[0])


def made_here(settings: Settings, name: str) -> bool:
    """Say whether a key of the settings is the one that was generated in the data folder."""
    file, identity = settings.core.data_dir / FILE, settings.identity
    kept = generated.stored(file).get(name)
    if kept is None:
        return False
    match name:
        case generated.DATA_KEYS:
            return key_ring(kept) == identity.data_key_encryption_keys
        case generated.AUDIT_KEY:
            return kept == identity.audit_signing_key
        case generated.INDEX_KEY:
            return symmetric_key(kept) == settings.core.index_key
        case _:
            return kept == identity.jwt_secret


def refuse_company(dsn: str) -> None:
    """Raise `StillRunning` while anybody else is connected with the database."""
    with connect(dsn, "ledgerbank_app") as connection:
        others = company(connection)
    if others:
        raise StillRunning(others)


def company(connection: Connection[Any]) -> int:
    """Return how many others stay connected with the database; who is leaving has a second."""
    deadline = monotonic() + LEAVING_SECONDS
    while (others := connected(connection)) and monotonic() < deadline:
        sleep(LOOK_SECONDS)
    return others


def connected(connection: Connection[Any]) -> int:
    """Return how many others are connected with the database now."""
    connection.execute(LOOK_AGAIN)
    row = connection.execute(COMPANY).fetchone()
    return 0 if row is None else int(row[0])


UNKNOWN = b"SELECT DISTINCT wrapped_by FROM log.data_keys WHERE wrapped_by <> ALL(%s) ORDER BY 1"
OTHERS = b"""
SELECT kid::text, subject, wrapped, wrapped_by FROM log.data_keys
WHERE wrapped_by <> %s ORDER BY kid LIMIT %s
"""
REWRAP = b"""
UPDATE log.data_keys AS key SET wrapped = made.wrapped, wrapped_by = %s
FROM unnest(%s::uuid[], %s::bytea[]) AS made (kid, wrapped)
WHERE key.kid = made.kid
"""
AUDIT_KEYS = b"SELECT key_id FROM log.audit_keys ORDER BY key_id"
SIGNED_LAST = b"SELECT key_id FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1"
LOOK_AGAIN = b"SELECT pg_stat_clear_snapshot()"
COMPANY = b"""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND coalesce(backend_type, 'client backend') = 'client backend'
"""
