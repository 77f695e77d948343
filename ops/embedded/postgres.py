"""A private PostgreSQL server in a data folder, reached by unix socket only."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
import psycopg
from psycopg import sql

from ops.embedded.account import Account, unprivileged
from ops.embedded.children import State, last_lines, spawn, state_of, stop
from ops.embedded.folders import data_folder, leave, run_folder, server_folder
from ops.embedded.programs import major, postgres_programs
from ops.embedded.start import StartFailed

OWNER = "ledgerbank"
START_SECONDS = 60.0
GIVE_WAY_SECONDS = 10.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
SOCKET_LOCK = ".s.PGSQL.5432.lock"
BUILTIN_LOCALE_SINCE = 17
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

SERVER = {
    "listen_addresses": "",
    "port": "5432",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "log_checkpoints": "off",
}
VOLATILE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Settings of throw-away servers; a server with them refuses to serve outside `test`."""


class InUse(Exception):
    """Others are connected to a database that is to go."""

    def __init__(self) -> None:
        super().__init__("the database is in use: stop every process of this deployment first")


class Place(msgspec.Struct, frozen=True):
    """The folders of one server and the account it runs under."""

    programs: Path
    data: Path
    sockets: Path
    log: Path
    account: Account | None
    settings: dict[str, str]

    def url(self, database: str) -> str:
        """Return the address of a database of this server."""
        return f"postgresql://{OWNER}@/{database}?host={quote(str(self.sockets), safe='')}"


@contextmanager
def postgres(
    data_dir: Path,
    *,
    pg_bin: Path | None = None,
    settings: Mapping[str, str] | None = None,
    durable: bool = True,
) -> Iterator[Place]:
    """Run the server of `data_dir` for the length of the block; make its data on first use.

    The server dies with the calling thread, so enter the block from one that lives long enough.
    """
    place = prepare(data_dir, pg_bin, settings=settings, durable=durable)
    process = launch(place)
    try:
        wait_until_ready(place, process)
        create_database(place, OWNER)
        yield place
    finally:
        stop(process, signal.SIGINT, STOP_SECONDS)
        leave(place.sockets)


def launch(place: Place) -> "subprocess.Popen[bytes]":
    """Start the server once whatever ran on its data is gone; raises `StartFailed` if it is not."""
    give_way(place)
    with place.log.open("ab") as log:
        return spawn(
            command(place),
            signal.SIGINT,
            account=place.account,
            environment=ENVIRONMENT,
            output=log,
        )


def prepare(
    data_dir: Path,
    pg_bin: Path | None,
    *,
    settings: Mapping[str, str] | None = None,
    durable: bool = True,
) -> Place:
    """Find programs and folders; create the cluster, or refuse one of another version."""
    base = data_folder(data_dir)
    account = unprivileged(base / "postgres")
    folder = server_folder(base, "postgres", account)
    programs = postgres_programs(pg_bin).within_reach(folder.parent, account)
    refuse_other_version(folder / "data", programs)
    place = Place(
        programs=programs,
        data=folder / "data",
        sockets=run_folder(base, account),
        log=base / "postgres.log",
        account=account,
        settings=SERVER | ({} if durable else VOLATILE) | dict(settings or {}),
    )
    if not place.data.exists():
        initialise(place, durable=durable)
    return place


def refuse_other_version(data: Path, programs: Path) -> None:
    if not data.exists():
        return
    stored, offered = int((data / "PG_VERSION").read_text()), major(programs / "postgres")
    if stored != offered:
        raise StartFailed(
            f"the data in {data} was made by PostgreSQL {stored}, but the programs in {programs} "
            f"are version {offered}: set PG_BIN to those of version {stored}, or choose another "
            "folder with --data-dir"
        )


def initialise(place: Place, *, durable: bool) -> None:
    """Create the cluster beside its place, so that a half-made one is never mistaken for data."""
    unfinished = place.data.with_name(f"data.{os.getpid()}")
    version = major(place.programs / "postgres") or 0
    provider = ["--locale-provider=builtin", "--locale=C.UTF-8"]
    arguments = [
        str(place.programs / "initdb"),
        f"--pgdata={unfinished}",
        f"--username={OWNER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--data-checksums",
        *(provider if version >= BUILTIN_LOCALE_SINCE else ["--locale=C"]),
        *([] if durable else ["--no-sync"]),
    ]
    with place.log.open("ab") as log:
        made = spawn(
            arguments, signal.SIGTERM, account=place.account, environment=ENVIRONMENT, output=log
        )
        failed = made.wait()
    if failed:
        raise StartFailed(f"initdb failed:\n{last_lines(place.log)}")
    unfinished.rename(place.data)


def give_way(place: Place) -> None:
    """Wait for a server that is still stopping; the lock files of a dead one are removed."""
    deadline = time.monotonic() + GIVE_WAY_SECONDS
    for lock in (place.data / "postmaster.pid", place.sockets / SOCKET_LOCK):
        wait_for_lock(place, lock, deadline)


def wait_for_lock(place: Place, lock: Path, deadline: float) -> None:
    while (pid := locked_by(lock)) is not None:
        state = state_of(pid, "postgres")
        late = time.monotonic() > deadline
        if state is State.GONE or (state is State.ZOMBIE and late):
            lock.unlink(missing_ok=True)
        elif late:
            raise StartFailed(f"a PostgreSQL server (process {pid}) already runs on {place.data}")
        else:
            time.sleep(POLL_SECONDS)


def locked_by(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def command(place: Place) -> list[str]:
    chosen = {**place.settings, "unix_socket_directories": str(place.sockets)}
    pairs = [f"{name}={value}" for name, value in chosen.items()]
    options = [part for pair in pairs for part in ("-c", pair)]
    return [str(place.programs / "postgres"), "-D", str(place.data), *options]


def wait_until_ready(place: Place, process: "subprocess.Popen[bytes]") -> None:
    """Return when the server takes connections; say what its log says when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(place):
        if process.poll() is not None:
            raise StartFailed(f"PostgreSQL ended at once:\n{last_lines(place.log)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"PostgreSQL does not answer:\n{last_lines(place.log)}")
        time.sleep(POLL_SECONDS)


def answers(place: Place) -> bool:
    """Say whether the server takes connections now."""
    try:
        with psycopg.connect(place.url("postgres"), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def create_database(place: Place, name: str) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        if connection.execute(DATABASE_EXISTS, (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def drop_database(place: Place, name: str) -> None:
    """Drop the database if it is there; raises `InUse` while anybody is connected to it."""
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse as used:
            raise InUse from used


DATABASE_EXISTS = "SELECT FROM pg_database WHERE datname = %s"
