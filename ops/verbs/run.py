"""Verbs that run one process: the HTTP server, the projections, the workers, the scheduler."""

import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from threading import Event
from types import FrameType

import click
import uvloop

from api.front import Front
from ops import telemetry
from ops.brokers import wait_for
from ops.databases import ready_database
from ops.http import open_app, wire_of
from ops.output import Output
from ops.outside import bank_inside
from ops.readmodels import runner
from ops.sealing import sealed_at_stop
from ops.server import Server, allow_connections, server_config
from ops.settings import Settings, SettingsRefused
from ops.supervisor import Child, program, supervised
from ops.tracing.start import tracing
from ops.work import schedule, work
from projections.catalogue import BY_NAME


@click.command
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="Servers on one port.")
@click.option("--shared-port", is_flag=True, hidden=True)
@click.pass_obj
def serve(
    output: Output, host: str | None, port: int | None, *, processes: int, shared_port: bool
) -> None:
    """Run the HTTP server."""
    settings = output.settings(HOST=host, PORT=None if port is None else str(port))
    begin(settings)
    if processes > 1:
        keep_running("api", processes, own("serve", "--shared-port", *flags(host, port)))
        return
    told = Event()
    on_signal(partial(leave, told))
    with (
        ready_database(settings) as dsn,
        sealed_at_stop(settings, dsn),
        bank_inside(settings),
        tracing(settings, "server") as tracer,
    ):
        serving = open_app(settings, dsn, settings.core.redis_url, tracer)
        uvloop.run(serve_until_told(settings, serving, told, shared_port=shared_port))


def leave(told: Event) -> None:
    """End this process; where that is not heard, as in an import's callback, it is remembered."""
    told.set()
    sys.exit()


async def serve_until_told(
    settings: Settings,
    serving: AbstractAsyncContextManager[Front],
    told: Event,
    *,
    shared_port: bool,
) -> None:
    """Serve until a signal asks to stop; running requests are finished first.

    The server raises the signal again when it is done, and only then are the books closed.
    """
    core, wire = settings.core, wire_of(settings)
    allow_connections(wire.connections_max)
    async with serving as app:
        server = Server(server_config(app, core.host, core.port, wire), app.leave)
        if not told.is_set():
            shared = [shared_socket(core.host, core.port)] if shared_port else None
            await server.serve(sockets=shared)


def shared_socket(host: str, port: int) -> socket.socket:
    """Listen on a port that other processes of this deployment listen on too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    return listening


@click.command
@click.argument("names", nargs=-1, type=click.Choice(list(BY_NAME)), metavar="[NAME]...")
@click.pass_obj
def project(output: Output, names: tuple[str, ...]) -> None:
    """Keep the read models in step with the log; all of them, or those named."""
    settings = output.settings()
    begin(settings)
    with ready_database(settings) as dsn, tracing(settings, "projections") as tracer:
        running = runner(settings, dsn, names, tracer)
        on_signal(running.stop)
        running.run()


@click.command
@click.option("--queues", help="Only these queues, comma separated.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="Workers to run.")
@click.pass_obj
def worker(output: Output, queues: str | None, processes: int) -> None:
    """Follow the log and work on jobs."""
    settings = output.settings()
    begin(settings)
    if settings.core.redis_url is None:
        raise SettingsRefused(["REDIS_URL is not set; `ledgerbank up` brings a broker of its own"])
    if processes > 1:
        chosen = [] if queues is None else ["--queues", queues]
        keep_running("worker", processes, own("worker", *chosen))
        return
    stop = Event()
    on_signal(stop.set)
    named = () if queues is None else tuple(name.strip() for name in queues.split(","))
    with (
        ready_database(settings) as dsn,
        sealed_at_stop(settings, dsn),
        tracing(settings, "worker") as tracer,
    ):
        wait_for(settings.core.redis_url)
        work(settings, dsn, settings.core.redis_url, named, stop, tracer=tracer)


@click.command
@click.pass_obj
def scheduler(output: Output) -> None:
    """Ask for the work that is done again and again; of several processes one leads."""
    settings = output.settings()
    begin(settings)
    stop = Event()
    on_signal(stop.set)
    with ready_database(settings) as dsn:
        schedule(settings, dsn, stop)


def begin(settings: Settings) -> None:
    """Set up the log of this process."""
    telemetry.configure(settings.core.log_level, settings.core.log_format)


def flags(host: str | None, port: int | None) -> list[str]:
    """Return the flags that tell a child where to listen."""
    told = {"--host": host, "--port": None if port is None else str(port)}
    return [part for name, value in told.items() if value is not None for part in (name, value)]


def keep_running(name: str, processes: int, command: list[str]) -> None:
    """Run several processes of one kind until a signal asks for the end."""
    with supervised(sys.stderr, prefixed=False) as supervisor:
        for number in range(1, processes + 1):
            supervisor.start(Child(name=f"{name}-{number}", start=program(command)))
        supervisor.wait()


def own(*arguments: str) -> list[str]:
    """Return the command line that runs this program in a process of its own."""
    return [sys.executable, "-m", "ops", *arguments]


def on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` when a signal asks this process to end."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
