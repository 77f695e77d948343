"""`ledgerbank up`: everything on this machine, supervised; one Ctrl-C stops it in order."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import click
import httpx2

from ops import telemetry
from ops.banks import SANDBOX_PORT
from ops.databases import refuse_library_shortcut, refuse_unfit, wait_for
from ops.demo import PEOPLE
from ops.embedded import postgres, valkey
from ops.embedded.folders import data_folder
from ops.embedded.lock import only_start
from ops.output import Output
from ops.outside import bank_beside, free_port, kept_in, wants_bank
from ops.servers import postgres_child, valkey_child
from ops.settings import Settings
from ops.supervisor import Child, Supervisor, program, supervised
from ops.verbs.database import seed
from ops.verbs.run import own
from schema.migrate import migrate

READY_SECONDS = 60.0


@click.command
@click.option("--demo", is_flag=True, help="With demo people, banks and money.")
@click.option("--port", type=int, help="Port to listen on (4000).")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the private servers keep their data (./ledgerbank-data).",
)
@click.pass_obj
def up(output: Output, *, demo: bool, port: int | None, data_dir: Path | None) -> None:
    """Run everything on this machine: servers, HTTP, projections, workers, scheduler."""
    settings = output.settings(
        DEMO_MODE="on" if demo else None,
        PORT=None if port is None else str(port),
        DATA_DIR=None if data_dir is None else str(data_dir),
    )
    telemetry.configure(settings.core.log_level, settings.core.log_format)
    refuse_library_shortcut()
    with ExitStack() as stack:
        if settings.core.database_url is None or settings.core.redis_url is None:
            stack.enter_context(only_start(data_folder(settings.core.data_dir)))
        supervisor = stack.enter_context(supervised(sys.stderr))
        run_everything(output, settings, supervisor, demo=demo)


def run_everything(
    output: Output, settings: Settings, supervisor: Supervisor, *, demo: bool
) -> None:
    """Start the parts in order, then keep them running until somebody asks for the end."""
    output.say("LedgerBank is starting ...")
    database_url = database_of(settings, supervisor)
    redis_url = broker_of(settings, supervisor)
    wait_for(database_url)
    migrate(settings.core.migration_database_url or database_url)
    refuse_unfit(settings, database_url)
    supervisor.check()
    if demo:
        for note in asyncio.run(seed(settings, database_url)).notes:
            output.say(note)
    supervisor.check()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(settings.core.data_dir),
        "PORT": str(settings.core.port),
        "DEMO_MODE": "on" if settings.core.demo_mode else "off",
    }
    if wants_bank(settings):
        port = free_port(SANDBOX_PORT)
        environment["SANDBOX_BANK_URL"] = f"http://127.0.0.1:{port}"
        supervisor.start(bank_of(settings, environment, port))
    for child in children(settings, environment):
        supervisor.start(child)
    greet(output, settings, environment.get("SANDBOX_BANK_URL"), demo=demo)
    supervisor.wait()


def database_of(settings: Settings, supervisor: Supervisor) -> str:
    """Return the address of the database, started here unless the settings name one."""
    if settings.core.database_url is not None:
        return settings.core.database_url
    place = postgres.prepare(data_folder(settings.core.data_dir), settings.core.pg_bin)
    supervisor.start(postgres_child(place))
    postgres.create_database(place, postgres.OWNER)
    return place.url(postgres.OWNER)


def broker_of(settings: Settings, supervisor: Supervisor) -> str:
    """Return the address of the broker, started here unless the settings name one."""
    if settings.core.redis_url is not None:
        return settings.core.redis_url
    place = valkey.prepare(data_folder(settings.core.data_dir))
    supervisor.start(valkey_child(place))
    return place.url


def bank_of(settings: Settings, environment: Mapping[str, str], port: int) -> Child:
    """Return the demo's bank, which keeps its books beside ours."""
    command = own("sandbox-bank", "--port", str(port), "--data", str(kept_in(settings)))
    return bank_beside(command, environment, port)


def children(settings: Settings, environment: Mapping[str, str]) -> list[Child]:
    """Return the processes of the product, in the order they start."""
    return [
        Child(name="projections", start=program(own("project"), environment)),
        Child(name="worker", start=program(own("worker"), environment), stop_seconds=30.0),
        Child(name="scheduler", start=program(own("scheduler"), environment)),
        Child(
            name="api",
            start=program(own("serve"), environment),
            ready=answers(f"{address(settings)}/api/health/ready"),
            ready_seconds=READY_SECONDS,
            stop_seconds=30.0,
        ),
    ]


def answers(url: str) -> Callable[[], bool]:
    """Return whether a server is there and ready."""

    def ask() -> bool:
        try:
            return httpx2.get(url, timeout=2).is_success
        except httpx2.HTTPError:
            return False

    return ask


def address(settings: Settings) -> str:
    """Return where the HTTP server can be reached from this machine."""
    host = settings.core.host
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # every address
    return f"http://{host}:{settings.core.port}"


def greet(output: Output, settings: Settings, bank: str | None, *, demo: bool) -> None:
    """Say where everything is and what to try."""
    where = address(settings)
    lines = ["", f"LedgerBank is up:  {where}", f"  API docs         {where}/api/docs"]
    if bank is not None:
        lines.append(f"  outside bank     {bank}")
    if demo:
        lines.append("  sign in as")
        lines += [f"    {each.email:<20} {each.password:<14} {each.role}" for each in PEOPLE]
    lines += [f"  try              ledgerbank tour --url {where}", "  stop             Ctrl-C", ""]
    output.tell({"url": where}, *lines)
