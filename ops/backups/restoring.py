"""Restoring: a base backup, and what was written after it up to a moment, as a private server.

What was deleted for good after that moment is looked up first, at the end of what was received:
people who were erased must not come back with the past.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from ops.backups.folder import Folder, NotRestorable, Taken
from ops.embedded.account import Account, unprivileged
from ops.embedded.folders import data_folder, give, server_folder
from ops.embedded.postgres import OWNER, postgres
from ops.erasures import Erasure, erasures_of, register
from ops.settings import Settings
from schema.postgres import connect

REGISTER = "erasures.jsonl"
PROMOTE_SECONDS = 600.0
POLL_SECONDS = 0.1


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where: a time, a named moment, or (neither) everything that was received."""

    time: str | None = None
    mark: str | None = None

    def moment(self, folder: Folder) -> str | None:
        """Return the time by which a base backup must have been taken. Raises `NotRestorable`."""
        return self.time if self.mark is None else folder.mark(self.mark).marked_at

    def settings(self) -> dict[str, str]:
        """Return what tells PostgreSQL where to stop."""
        told = {"recovery_target_action": "promote", "recovery_target_timeline": "current"}
        if self.mark is not None:
            return told | {"recovery_target_name": self.mark}
        return told | ({} if self.time is None else {"recovery_target_time": self.time})


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: how far the log is now, how far it was, and who was erased since."""

    base: str
    position: int
    received_position: int
    erased_since: int
    register: str


def restore(settings: Settings, folder: Folder, to: Path, target: Target) -> Restored:
    """Restore into the data folder `to`; the server in it is stopped again.

    Raises `NotRestorable`, `StartFailed`.
    """
    if (to / "postgres").exists():
        raise NotRestorable(f"{to} holds a server already: name an empty data folder")
    base = folder.base_before(target.moment(folder))
    latest = to.with_name(f"{to.name}.latest")
    try:
        received, erased = recovered(settings, folder, folder.base_before(None), latest, Target())
    finally:
        remove(latest)
    position, known = recovered(settings, folder, base, to, target)
    since = {each.user_id for each in erased} - {each.user_id for each in known}
    register(erased, to / REGISTER)
    return Restored(
        base=base.name,
        position=position,
        received_position=received,
        erased_since=len(since),
        register=str(to / REGISTER),
    )


def recovered(
    settings: Settings, folder: Folder, base: Taken, to: Path, target: Target
) -> tuple[int, list[Erasure]]:
    """Let a server recover in `to` up to a target; return how far the log is and who is erased."""
    lay(folder, base, to, target)
    with postgres(to, pg_bin=settings.core.pg_bin) as place:
        wait_until_promoted(place.url(OWNER))
        with connect(place.url(OWNER)) as connection:
            found = erasures_of(connection)
            ((position,),) = connection.execute("SELECT position FROM log.head").fetchall()
    for name in ("archive", "data/ledgerbank.json"):
        remove(to / "postgres" / name)
    return position, found


def lay(folder: Folder, base: Taken, to: Path, target: Target) -> None:
    """Put a base backup and the write-ahead log where a server recovers from them."""
    account = unprivileged(to / "postgres")
    home = server_folder(data_folder(to), "postgres", account)
    shutil.copytree(folder.base / base.name, home / "data", symlinks=True)
    archive = home / "archive"
    shutil.copytree(folder.wal, archive) if folder.wal.exists() else archive.mkdir()
    for unfinished in archive.glob("*.partial"):
        unfinished.rename(unfinished.with_suffix(""))
    told = {"restore_command": f"cp '{archive}/%f' '%p'", **target.settings()}
    lines = [f"{name} = {quoted(value)}\n" for name, value in told.items()]
    with (home / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.writelines(lines)
    (home / "data" / "recovery.signal").touch()
    own(home, account)


def own(home: Path, account: Account | None) -> None:
    """Give everything to the account that the server runs under."""
    for each in home.rglob("*"):
        if account is not None:
            os.chown(each, account.uid, account.gid, follow_symlinks=False)
    give(home / "data", account)


def quoted(value: str) -> str:
    """Quote a value for PostgreSQL's configuration."""
    return "'" + value.replace("'", "''") + "'"


def wait_until_promoted(dsn: str) -> None:
    """Wait until a server takes writes again. Raises `NotRestorable`."""
    deadline = time.monotonic() + PROMOTE_SECONDS
    while in_recovery(dsn):
        if time.monotonic() > deadline:
            raise NotRestorable("the server did not reach the target in time")
        time.sleep(POLL_SECONDS)


def in_recovery(dsn: str) -> bool:
    """Say whether a server is still on its way to the target."""
    try:
        with psycopg.connect(dsn, connect_timeout=3) as connection:
            rows: list[Any] = connection.execute("SELECT pg_is_in_recovery()").fetchall()
    except psycopg.OperationalError:
        return True
    return bool(rows[0][0])


def remove(path: Path) -> None:
    """Remove a file or a folder, the one it points to included."""
    if path.is_dir():
        for inner in (path, path / "postgres"):
            if inner.is_symlink():
                shutil.rmtree(inner.resolve(), ignore_errors=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
