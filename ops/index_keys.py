"""The index key of this deployment: the one its keyed hashes were made with, or no start."""

from typing import Any

from psycopg import Connection

from ops.readmodels import keks_of
from ops.settings import Settings, SettingsRefused
from schema import index_keys, rekeying
from schema.postgres import connect

OTHER_KEY = (
    "INDEX_KEY is not the key that the claims of this database were made with ({used}): give that"
    " one back, or give it as PREVIOUS_INDEX_KEY to `ledgerbank keys rotate --index`"
)


def admit(settings: Settings, dsn: str) -> tuple[bytes, ...]:
    """Return the keys before the one in use that still count; refuse any other key.

    The first program that writes says which key is in use, if it fits what is there already.
    """
    with connect(dsn, "ledgerbank_app") as connection:
        used = used_key(connection, settings, settings.core.index_key)
        if used.key_id != index_keys.id_of(settings.core.index_key):
            raise SettingsRefused([OTHER_KEY.format(used=used.key_id)])
        return index_keys.earlier_keys(connection, keks_of(settings))


def used_key(
    connection: Connection[Any], settings: Settings, *candidates: bytes
) -> index_keys.InUse:
    """Return the key in use; where nobody has said it, the first candidate that fits is."""
    used = index_keys.in_use(connection)
    for each in candidates:
        if used is None and rekeying.fits(connection, keks_of(settings), each):
            index_keys.register(connection, each)
            used = index_keys.in_use(connection)
    if used is None:
        raise SettingsRefused([OTHER_KEY.format(used="unknown")])
    return used
