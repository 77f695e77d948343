"""Where embedded servers keep data and sockets: reachable for their account, with short paths."""

import hashlib
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from ops.embedded.account import Account
from ops.embedded.start import StartFailed

SYSTEM_STATE = Path("/var/lib/ledgerbank")
SOCKET_PATH_BYTES_MAX = 100
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


def data_folder(data_dir: Path) -> Path:
    """Make the data folder itself; others may pass through it as root's servers must."""
    if not data_dir.exists():
        data_dir.mkdir(parents=True, mode=0o700)
        if os.geteuid() == 0:
            data_dir.chmod(0o711)
    return data_dir.resolve()


def server_folder(data_dir: Path, name: str, account: Account | None) -> Path:
    """Return the folder of one server, owned by its account.

    Below a folder closed to that account it is a link to the system's state folder.
    """
    folder = data_dir / name
    if account is not None and not folder.exists() and not reachable(data_dir, account):
        target = SYSTEM_STATE / f"{name}-{secrets.token_hex(4)}"
        target.mkdir(parents=True)
        folder.unlink(missing_ok=True)
        folder.symlink_to(target)
    folder.mkdir(exist_ok=True)
    folder = folder.resolve()
    if account is None:
        refuse_foreign(folder)
    elif not reachable(folder.parent, account):
        raise StartFailed(f"{folder} is out of reach of {account.name}: choose another data folder")
    give(folder, account)
    return folder


def run_folder(data_dir: Path, account: Account | None) -> Path:
    """Return the private folder of the sockets that belong to `data_dir`, always the same one."""
    uid = os.geteuid() if account is None else account.uid
    digest = hashlib.sha256(f"{uid}:{data_dir.resolve()}".encode()).hexdigest()[:16]
    folder = short_parent(account) / f"ledgerbank-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {uid, os.geteuid()}:
        raise StartFailed(f"{folder} belongs to somebody else: remove it or set TMPDIR")
    give(folder, account)
    return folder


def leave(run: Path) -> None:
    """Remove a run folder once its last server is gone."""
    with suppress(OSError):
        run.rmdir()


def short_parent(account: Account | None) -> Path:
    """Choose the first temporary folder that the account reaches and a socket path fits into."""
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  # owner is checked
        length = len(os.fsencode(parent / f"ledgerbank-{'0' * 16}" / LONGEST_SOCKET_NAME))
        if length <= SOCKET_PATH_BYTES_MAX and (account is None or reachable(parent, account)):
            return parent
    raise StartFailed("no temporary folder with a short path: set TMPDIR to one")


def reachable(path: Path, account: Account) -> bool:
    """Say whether the account may pass through `path` and every folder above it."""
    return all(passable(folder, account) for folder in (path, *path.parents))


def passable(folder: Path, account: Account) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def give(folder: Path, account: Account | None) -> None:
    """Make the folder private to the account."""
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def refuse_foreign(folder: Path) -> None:
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise StartFailed(f"{folder} belongs to user {owner}: start as that user or as root")
