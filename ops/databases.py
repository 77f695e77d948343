"""Where the database is: the URL of the settings, or the private server in the data folder."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ops.embedded.children import State, state_of
from ops.embedded.folders import data_folder
from ops.embedded.postgres import (
    OWNER,
    Place,
    create_database,
    drop_database,
    locked_by,
    postgres,
    prepare,
)
from ops.index_keys import admit
from ops.settings import Settings, SettingsRefused
from schema.migrate import migrate, pending
from schema.postgres import NotDurable, connect, durable

WAIT_SECONDS = 60
POLL_SECONDS = 0.5
TRUE_WORDS = frozenset({"y", "yes", "t", "true", "on", "1"})


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Give the address of the database for the length of the block.

    Without DATABASE_URL it is the private server's, started for the block unless it runs already.
    """
    if settings.core.database_url is not None:
        yield settings.core.database_url
        return
    with private_server(settings) as place:
        yield place.url(OWNER)


@contextmanager
def private_server(settings: Settings) -> Iterator[Place]:
    """Give the private server of the data folder, started for the block unless it runs already."""
    if runs_privately(settings):
        yield prepare(data_folder(settings.core.data_dir), settings.core.pg_bin)
        return
    with postgres(settings.core.data_dir, pg_bin=settings.core.pg_bin) as started:
        yield started


def start_over(settings: Settings) -> None:
    """Forget everything in the private server's database, and bring the empty one up to date.

    Raises `SettingsRefused` in production and for a database that is not ours to empty, `InUse`
    while others use it.
    """
    if settings.core.env == "prod":
        raise SettingsRefused(["nothing is emptied in production"])
    if settings.core.database_url is not None:
        raise SettingsRefused(["only embedded servers are emptied: unset DATABASE_URL"])
    with private_server(settings) as place:
        drop_database(place, OWNER)
        create_database(place, OWNER)
        migrate(place.url(OWNER))


def runs_privately(settings: Settings) -> bool:
    """Say whether the private server of the data folder runs."""
    pid = locked_by(settings.core.data_dir / "postgres" / "data" / "postmaster.pid")
    return pid is not None and state_of(pid, "postgres") is State.RUNNING


@contextmanager
def migrated_database(settings: Settings) -> Iterator[str]:
    """Give the address of a database that this program understands."""
    with database(settings) as dsn:
        refuse_pending(dsn)
        yield dsn


@contextmanager
def ready_database(settings: Settings) -> Iterator[str]:
    """Give the address of a database that a server with these keys may run on."""
    with fit_database(settings) as dsn:
        admit(settings, dsn)
        yield dsn


@contextmanager
def fit_database(settings: Settings) -> Iterator[str]:
    """Give the address of a database that a server may run on (config.md §2, rules 7 and 8)."""
    refuse_library_shortcut()
    with database(settings) as dsn:
        wait_for(dsn)
        refuse_unfit(settings, dsn)
        yield dsn


def wait_for(dsn: str) -> None:
    """Wait up to a minute for a database that is just starting."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with psycopg.connect(dsn, connect_timeout=3):
                return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def refuse_unfit(settings: Settings, dsn: str) -> None:
    """Refuse a database that lacks migrations, or may lose what it acknowledged."""
    refuse_pending(dsn)
    if settings.core.env == "test":
        return
    with connect(dsn) as connection:
        try:
            durable(connection)
        except NotDurable as off:
            raise SettingsRefused([f"{off}: acknowledged commands could be lost"]) from off


def refuse_pending(dsn: str) -> None:
    """Refuse a database that lacks migrations."""
    if missing := pending(dsn):
        raise SettingsRefused(
            [f"migrations are pending ({', '.join(missing)}): run `ledgerbank migrate`"]
        )


def refuse_library_shortcut() -> None:
    """Refuse the event-sourcing library's option that loses events for readers."""
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").lower() in TRUE_WORDS:
        raise SettingsRefused(["POSTGRES_ENABLE_DB_FUNCTIONS must be off: readers lose events"])
