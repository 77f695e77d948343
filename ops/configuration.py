"""The configuration as the deployment saw it last; a change of it is told to the audit log."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from psycopg import Connection

from ledger.application import Ledger
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.errors import Refused
from ledger.events.audit import ConfigurationChanged
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.settings import Settings
from ops.settings.reading import GROUPS, fields_of
from schema.postgres import Pool

OF_ONE_PROCESS = frozenset({
    "HOST", "PORT", "PUBLIC_URL", "POOL_SIZE", "DATA_DIR", "PG_BIN", "LOG_LEVEL", "LOG_FORMAT",
    "DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "PREVIOUS_INDEX_KEY",
})  # fmt: skip
"""Settings in which processes of one deployment may differ."""


async def tell_changes(settings: Settings, ledger: Ledger, pool: Pool) -> None:
    """Tell which settings differ from those of the last start, never their values.

    Of processes that start together one tells. The first start of a deployment has none to tell,
    and a start never fails because of it: the next one tells instead.
    """
    try:
        await tell(digests_of(settings), ledger, pool)
    except Refused as refused:
        structlog.get_logger().warning("configuration.untold", reason=refused.reason)


async def tell(digests: dict[str, str], ledger: Ledger, pool: Pool) -> None:
    """Compare with what was known, tell the difference and know the new, all or nothing."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK)
        rows = await (await connection.execute(KNOWN)).fetchall()
        known: dict[str, str] = dict(rows)
        changed = tuple(sorted(n for n, digest in digests.items() if known.get(n) != digest))
        if changed:
            await connection.execute(KEEP, (list(digests), list(digests.values())))
        if known and changed:
            await ledger.handle(told(changed), Context(actor=OPERATOR, correlation_id=new_id()))


def told(changed: tuple[str, ...]) -> RecordSecurityEvent:
    """Return what is told of a change."""
    event = ConfigurationChanged(outcome="success", details={"settings": changed})
    return RecordSecurityEvent(event=event)


def digests_of(settings: Settings) -> dict[str, str]:
    """Return what stands for the value of every setting that all processes share."""
    key = settings.core.index_key
    return {
        name: digest_of(key, name, value)
        for name, value in values_of(settings)
        if name not in OF_ONE_PROCESS
    }


def rekey_digests(connection: Connection[Any], settings: Settings, before: bytes) -> None:
    """Have the digests that `before` made of these settings made with their own key.

    Any other digest stays: its setting has changed, and the next start tells that.
    """
    told = [(name, each) for name, each in values_of(settings) if name != "INDEX_KEY"]
    names = [name for name, _ in told]
    old = [digest_of(before, name, value) for name, value in told]
    new = [digest_of(settings.core.index_key, name, value) for name, value in told]
    connection.execute(REKEY, (names, old, new))


def values_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every setting by the name of its variable."""
    for name, group in GROUPS.items():
        values = getattr(settings, name)
        for field, variable, _ in fields_of(group):
            yield variable, spelled(getattr(values, field))


def spelled(value: Any) -> str:
    """Return a value as text that is the same at every start; of a key its id."""
    if isinstance(value, Mapping):
        return "\x1e".join(f"{name}={spelled(each)}" for name, each in value.items())
    if isinstance(value, tuple):
        return "\x1e".join(map(spelled, value))
    return str(getattr(value, "kid", None) or (value.hex() if isinstance(value, bytes) else value))


def digest_of(key: bytes, name: str, value: str) -> str:
    """Return the keyed hash that stands for the value of a setting."""
    return hmac.digest(key, f"setting\x1f{name}\x1f{value}".encode(), hashlib.sha256).hex()[:32]


REKEY = b"""
UPDATE work.configuration AS known SET digest = made.after
FROM unnest(%s::text[], %s::text[], %s::text[]) AS made (name, before, after)
WHERE known.name = made.name AND known.digest = made.before
"""
LOCK = "LOCK TABLE work.configuration IN SHARE ROW EXCLUSIVE MODE"
KNOWN = "SELECT name, digest FROM work.configuration"
KEEP = """
INSERT INTO work.configuration (name, digest) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest
"""
