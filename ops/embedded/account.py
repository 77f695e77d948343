"""The unprivileged account that embedded servers run under when we are root."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import msgspec

NAME = "ledgerbank"
FALLBACKS = (NAME, "postgres", "nobody")
CREATE = (
    ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME),
    ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", NAME),
)


class Account(msgspec.Struct, frozen=True):
    """A system user."""

    name: str
    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        return self.uid, self.gid


def unprivileged(existing: Path) -> Account | None:
    """Return whom root becomes: the owner of `existing` data, or a system user of ours."""
    if os.geteuid() != 0:
        return None
    if existing.exists() and existing.stat().st_uid != 0:
        owner = existing.stat()
        return Account(name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    return known(NAME) or created() or next(filter(None, map(known, FALLBACKS)))


def known(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def created() -> Account | None:
    """Create the account with whichever tool this machine has; two starts at once may race."""
    for command in CREATE:
        if shutil.which(command[0]):
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603  # constants above
            if account := known(NAME):
                return account
    return None


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
