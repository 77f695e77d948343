"""The rotation of the index key: every keyed hash beside the log is made again, or kept good.

Claims are made again in one transaction; secrets of webhooks, and the key itself for requests that
are repeated, are kept sealed. A run that is killed is finished by the next one. What the log itself
holds of keyed hashes stays as it is: nothing is looked up by them.
"""

from typing import Any

from psycopg import Connection

from ops.configuration import rekey_digests
from ops.index_keys import OTHER_KEY, used_key
from ops.readmodels import keks_of
from ops.rotations import Rotated, StillRunning, company, made_here, refuse_company, refuse_unknown
from ops.settings import Settings, SettingsRefused, generated
from ops.settings.generated import INDEX_KEY
from schema import index_keys
from schema.postgres import connect
from schema.rekeying import OtherKey, rekey
from schema.webhook_secrets import keep_secrets

GIVEN = (
    "INDEX_KEY is given: change it where it is kept, then run this again with the key before it"
    " as PREVIOUS_INDEX_KEY"
)


def renew_index_key(settings: Settings, dsn: str) -> None:
    """Generate the next key; one that is kept elsewhere has been changed there already.

    Nothing is generated while a rotation waits to be finished.
    """
    refuse_unknown(settings, dsn)
    refuse_company(dsn)
    own, before = settings.core.index_key, settings.core.previous_index_key
    with connect(dsn, "ledgerbank_app") as connection:
        used = used_key(connection, settings, *([own] if before is None else [before, own]))
    if used.key_id != index_keys.id_of(own):
        if before is None or used.key_id != index_keys.id_of(before):
            raise SettingsRefused([OTHER_KEY.format(used=used.key_id)])
    elif used.told and not made_here(settings, INDEX_KEY):
        raise SettingsRefused([GIVEN])
    elif used.told:
        generated.replace_index_key(settings.core.data_dir)


def index_key(_before: Settings, after: Settings, dsn: str) -> Rotated:
    """Bring everything under the key of the settings, all of it or nothing; others wait outside."""
    try:
        with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
            with connection.transaction():
                renewed = renew_all(connection, after)
            return Rotated(
                "index",
                index_keys.id_of(after.core.index_key),
                index_keys.earlier_ids(connection),
                renewed,
            )
    except (StillRunning, SettingsRefused):
        generated.put_back_index_key(after.core.data_dir)
        raise


def renew_all(connection: Connection[Any], settings: Settings) -> int:
    """Make every keyed hash again, and keep what cannot be; return how many there were.

    Nobody starts meanwhile: whoever does reads which key is in use, and waits for that.
    """
    connection.execute(LOCK)
    if others := company(connection):
        raise StillRunning(others)
    used = index_keys.in_use(connection)
    before, after = settings.core.previous_index_key, settings.core.index_key
    if used is not None and used.key_id == index_keys.id_of(after):
        return 0
    if used is None or before is None or used.key_id != index_keys.id_of(before):
        raise SettingsRefused([OTHER_KEY.format(used=None if used is None else used.key_id)])
    keks = keks_of(settings)
    house = index_keys.house_key(connection, keks)
    try:
        renewed = rekey(connection, keks, before, after)
    except OtherKey as other:
        raise SettingsRefused([f"PREVIOUS_INDEX_KEY does not fit: {other}"]) from other
    renewed += keep_secrets(connection, house, before)
    rekey_digests(connection, settings, before)
    connection.execute(FORGET_FAILURES)
    index_keys.replace(connection, house, before, after)
    return renewed


def finish_rotation(settings: Settings, dsn: str) -> None:
    """Know that the audit log was told, and keep the generated key before it no longer."""
    with connect(dsn, "ledgerbank_app") as connection:
        index_keys.told(connection)
    generated.forget_previous_index_key(settings.core.data_dir)


LOCK = b"LOCK TABLE log.index_keys IN ACCESS EXCLUSIVE MODE"
FORGET_FAILURES = b"DELETE FROM log.login_failures"
"""Hashes of addresses that may be nobody's cannot be made again; guessing is slowed down anew."""
