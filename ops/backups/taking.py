"""Taking backups: a base backup now and then, and the write-ahead log as it is written."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from psycopg import Connection

from ledger.times import utc_text
from ops.backups.folder import STATEMENT, Folder, Mark, Taken
from ops.embedded.programs import postgres_programs
from ops.settings import Settings
from schema.postgres import connect

SLOT = "ledgerbank_backup"
"""The replication slot that keeps the write-ahead log until it was received."""


class BackupFailed(Exception):
    """One of PostgreSQL's programs failed; it has said why."""


def take(settings: Settings, dsn: str, folder: Folder) -> Taken:
    """Take a base backup and verify its checksums; it counts only once it is whole."""
    taken_at = utc_text(datetime.now(UTC))
    with connect(dsn) as connection:
        position, epoch = standing(connection)
    name = taken_at.replace(":", "").replace(".", "")
    unfinished, finished = folder.base / f"{name}.part", folder.base / name
    folder.base.mkdir(parents=True, exist_ok=True)
    folder.path.chmod(0o700)
    run(settings, "pg_basebackup", "--dbname", dsn, "--pgdata", str(unfinished),
        "--wal-method", "stream", "--checkpoint", "fast", "--no-password")  # fmt: skip
    run(settings, "pg_verifybackup", "--quiet", str(unfinished))
    taken = Taken(name=name, taken_at=taken_at, position=position, epoch=epoch)
    (unfinished / STATEMENT).write_bytes(msgspec.json.encode(taken))
    unfinished.rename(finished)
    return taken


def mark(dsn: str, folder: Folder, name: str) -> Mark:
    """Give this moment a name, and have the write-ahead log up to it received soon."""
    with connect(dsn) as connection:
        connection.execute("SELECT pg_create_restore_point(%s)", (name,))
        position, epoch = standing(connection)
        connection.execute("SELECT pg_switch_wal()")
    marked = Mark(name=name, marked_at=utc_text(datetime.now(UTC)), position=position, epoch=epoch)
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.marks_file.open("ab") as output:
        output.write(msgspec.json.encode(marked) + b"\n")
        output.flush()
        os.fsync(output.fileno())
    return marked


def receiving(settings: Settings, dsn: str, folder: Folder) -> list[str]:
    """Make the slot; return the program that receives what is written until it is ended.

    Raises `BackupFailed`, and `psycopg.OperationalError` where there is no database.
    """
    with connect(dsn):
        folder.wal.mkdir(parents=True, exist_ok=True)
    source = ("--dbname", dsn, "--slot", SLOT, "--no-password")
    run(settings, "pg_receivewal", *source, "--create-slot", "--if-not-exists")
    return [program(settings, "pg_receivewal"), *source, "--directory", str(folder.wal),
            "--synchronous"]  # fmt: skip


def standing(connection: Connection[Any]) -> tuple[int, str]:
    """Return how far the log is, and its epoch."""
    rows = connection.execute("SELECT position, epoch FROM log.head").fetchall()
    ((position, epoch),) = rows
    return position, epoch


def program(settings: Settings, name: str) -> str:
    """Return one of PostgreSQL's programs."""
    return str(postgres_programs(settings.core.pg_bin).folder / name)


def run(settings: Settings, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs. Raises `BackupFailed`."""
    command = [program(settings, name), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # PostgreSQL's own
    if ended.returncode:
        raise BackupFailed(f"{name}: {ended.stderr.strip()}")


def parts(path: Path) -> Folder:
    """Return the folder of backups at a path."""
    return Folder(path.resolve())
