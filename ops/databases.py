"""Where the database is: the URL of the settings, or the private server in the data folder."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ops.embedded.children import State, state_of
from ops.embedded.folders import data_folder
from ops.embedded.postgres import OWNER, locked_by, postgres, prepare
from ops.settings import Settings, SettingsRefused
from schema.migrate import pending
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
    if runs_privately(settings):
        yield prepare(data_folder(settings.core.data_dir), settings.core.pg_bin).url(OWNER)
        return
    with postgres(settings.core.data_dir, pg_bin=settings.core.pg_bin) as started:
        yield started.url(OWNER)


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
