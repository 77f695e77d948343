"""Secrets of webhook endpoints: derived from the index key, or kept from the one before it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.events.webhook_endpoint import (
    WebhookEndpointRegistered,
    WebhookEndpointRemoved,
    WebhookSecretRotated,
)
from ledger.policies.signatures import secret_of
from schema.codec import decode_envelope
from schema.index_keys import Kept
from schema.seals import DataKey, KeyEncryptionKeys

SIGNING_AT_ONCE = 2


class WebhookSecrets(msgspec.Struct, frozen=True):
    """Knows every secret by its id."""

    index_key: bytes
    keks: KeyEncryptionKeys

    def of(self, connection: Connection[Any], secret_ids: Sequence[str]) -> list[bytes]:
        """Return secrets in the order of their ids."""
        cursor = connection.cursor(row_factory=class_row(Kept))
        kept = {each.label: each for each in cursor.execute(KEPT, (list(secret_ids),))}
        return [
            kept[each].opened(self.keks) if each in kept else secret_of(self.index_key, each)
            for each in secret_ids
        ]


def keep_secrets(connection: Connection[Any], house: DataKey, before: bytes) -> int:
    """Keep, sealed, every secret in use that `before` makes; those kept already stay as they are.

    Returns how many there were.
    """
    ids = in_use(connection)
    sealed = [house.seal_bytes(secret_of(before, each), each) for each in ids]
    return connection.execute(KEEP, (house.kid, ids, sealed)).rowcount


def in_use(connection: Connection[Any]) -> list[str]:
    """Return the ids that sign for endpoints there are: the newest, and the one before it."""
    names = [each.stored_as for each in (WebhookEndpointRegistered, WebhookSecretRotated)]
    rows = connection.execute(NAMED, ([*names, WebhookEndpointRemoved.stored_as],))
    signing: dict[str, list[str]] = {}
    for stream_id, name, version, data in rows:
        match decode_envelope(name, version, data).data:
            case (
                WebhookEndpointRegistered(secret_id=secret_id)
                | WebhookSecretRotated(secret_id=secret_id)
            ):
                signing.setdefault(stream_id, []).append(secret_id)
            case _:
                signing.pop(stream_id, None)
    return newest(signing.values())


def newest(ids: Iterable[list[str]]) -> list[str]:
    """Return the last ids of each endpoint that can sign at the same time."""
    return [one for each in ids for one in each[-SIGNING_AT_ONCE:]]


KEPT = b"""
SELECT s.secret_id::text AS label, s.sealed, k.kid::text, k.subject, k.wrapped, k.wrapped_by
FROM log.webhook_secrets AS s JOIN log.data_keys AS k USING (kid)
WHERE s.secret_id = ANY(%s::uuid[])
"""
KEEP = b"""
INSERT INTO log.webhook_secrets (secret_id, kid, sealed)
SELECT made.secret_id, %s, made.sealed
FROM unnest(%s::uuid[], %s::bytea[]) AS made (secret_id, sealed)
ON CONFLICT DO NOTHING
"""
NAMED = b"""
SELECT stream_id, name, schema_version, data FROM log.events WHERE name = ANY(%s) ORDER BY position
"""
