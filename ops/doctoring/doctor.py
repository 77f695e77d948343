"""The doctor's round: settings, database, broker, disk, backups, and the books themselves."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Any

import redis
from cryptography.exceptions import InvalidTag
from msgspec import MsgspecError

from ledger.times import utc_text
from ops.audits.reading import Terms, audited
from ops.backups.folder import Folder
from ops.composition import rules_of
from ops.doctoring.asked import asked
from ops.doctoring.complaint import Complaint
from ops.eventlog import OTHER_KEYS
from ops.output import Bar
from ops.readmodels import keks_of
from ops.settings import Settings
from projections.leftovers import LOCK
from projections.log import head_position
from schema.index_keys import id_of
from schema.migrate import known, pending
from schema.postgres import connect

FREE_SHARE = 0.10
AUDITED_MAX = 100_000
BACKUP_AGE_MAX = timedelta(hours=26)
BROKER_SECONDS = 2
MADE = re.compile(r"^CREATE (?:UNIQUE )?INDEX (\w+) ON[^;]*;", re.MULTILINE)
DROPPED = re.compile(r"^DROP INDEX (?:IF EXISTS )?(?:\w+\.)?(\w+)", re.MULTILINE)
"""Statements of migrations stand at the beginning of a line."""


def look(
    settings: Settings, dsn: str, *, whole: bool, folder: Path | None, bar: Bar
) -> Iterator[Complaint]:
    """Yield what is found, check by check; a `whole` look audits the log however long it is."""
    yield from glance(settings, dsn, statement_timeout_ms=0, folder=folder)
    with connect(dsn) as connection:
        head = head_position(connection)
    yield from invariants(settings, dsn, head, whole=whole, bar=bar)


def glance(
    settings: Settings, dsn: str, *, statement_timeout_ms: int, folder: Path | None = None
) -> Iterator[Complaint]:
    """Yield what is found without folding the log; `folder` is where the backups are."""
    yield from migrations(dsn)
    with connect(dsn, statement_timeout_ms=statement_timeout_ms) as connection:
        yield from asked(connection, values(settings))
    yield from broker(settings)
    yield from disk(settings)
    yield from backups(settings, folder)


def migrations(dsn: str) -> Iterator[Complaint]:
    """Say whether the database lacks migrations."""
    missing = pending(dsn)
    for name in missing:
        yield Complaint("migrations", "error", name, "is pending", "ledgerbank migrate")
    if not missing:
        yield Complaint("migrations", "ok", "", "")


def values(settings: Settings) -> dict[str, Any]:
    """Return what the queries compare with."""
    wanted = indexes()
    return {
        "now": utc_text(datetime.now(UTC)),
        "lock": LOCK,
        "durable": settings.core.env != "test",
        "seal_seconds": settings.jobs.seal_interval_seconds,
        "wrapping": list(settings.identity.data_key_encryption_keys),
        "index_key": id_of(settings.core.index_key),
        "index_names": list(wanted),
        "index_statements": list(wanted.values()),
    }


def indexes() -> dict[str, str]:
    """Return the indexes that the migrations have made, each with its statement."""
    wanted: dict[str, str] = {}
    for migration in known():
        for found in MADE.finditer(migration.up):
            wanted[found[1]] = " ".join(found[0].split()).removesuffix(";")
        for found in DROPPED.finditer(migration.up):
            wanted.pop(found[1], None)
    return wanted


def invariants(
    settings: Settings, dsn: str, head: int, *, whole: bool, bar: Bar
) -> Iterator[Complaint]:
    """Audit the log, if it is short enough or a whole look is wanted."""
    command = "ledgerbank ledger check"
    if head > AUDITED_MAX and not whole:
        detail = f"not recomputed: {head} events"
        yield Complaint("invariants", "ok", "", detail, command)
        return
    try:
        audit = audited(dsn, Terms(rules_of(settings), keks_of(settings)), head, bar)
    except (KeyError, InvalidTag):
        yield Complaint("invariants", "error", "log", OTHER_KEYS, "ledgerbank config check")
        return
    for each in audit.found:
        yield Complaint("invariants", "error", each.invariant, each.line(), command)
    if not audit.found:
        yield Complaint("invariants", "ok", "", "")


def broker(settings: Settings) -> Iterator[Complaint]:
    """Say whether the broker answers, where there is one of its own."""
    url = settings.core.redis_url
    if url is None:
        return
    try:
        with redis.Redis.from_url(url, socket_timeout=BROKER_SECONDS) as client:
            client.ping()
    except redis.RedisError:
        detail = "does not answer: jobs wait"
        yield Complaint("broker", "error", "broker", detail, "redis-cli -u $REDIS_URL ping")
    else:
        yield Complaint("broker", "ok", "", "")


def disk(settings: Settings) -> Iterator[Complaint]:
    """Say whether there is room where the data lies."""
    folder = settings.core.data_dir if settings.core.data_dir.exists() else Path()
    usage = disk_usage(folder)
    share = usage.free / usage.total
    if share < FREE_SHARE:
        detail = f"{share:.0%} are free"
        yield Complaint(
            "disk", "warning", "data folder", detail, f"du -xh {folder} | sort -h | tail"
        )
    else:
        yield Complaint("disk", "ok", "", "")


def backups(settings: Settings, named: Path | None) -> Iterator[Complaint]:
    """Say how old the newest base backup is; a folder that was not named is the data folder's."""
    folder = named or settings.core.data_dir / "backups"
    repair = f"ledgerbank backup take --to {folder}"
    try:
        taken = Folder(folder).taken()
    except (OSError, MsgspecError) as unreadable:
        yield Complaint("backups", "warning", "backup", f"cannot be read: {unreadable}", repair)
        return
    if not taken:
        yield Complaint("backups", "warning", "backup", f"none in {folder}", repair)
        return
    age = datetime.now(UTC) - datetime.fromisoformat(taken[-1].taken_at)
    if age > BACKUP_AGE_MAX:
        detail = f"the newest is {age // timedelta(hours=1)} hours old"
        yield Complaint("backups", "warning", "backup", detail, repair)
    else:
        yield Complaint("backups", "ok", "", "")
