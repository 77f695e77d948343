"""Verbs about backups: take them, name moments, look at them, restore any moment."""

import signal
from pathlib import Path

import click
import msgspec

from ops.backups.folder import Folder
from ops.backups.restoring import Target
from ops.backups.restoring import restore as restore_to
from ops.backups.taking import mark as mark_now
from ops.backups.taking import parts, receiving
from ops.backups.taking import take as take_now
from ops.databases import database
from ops.embedded.children import spawn, stop
from ops.output import Output
from ops.verbs.moments import Time

FOLDER = click.Path(path_type=Path, file_okay=False)
COLUMNS = ("kind", "name", "at", "position", "epoch")
STOP_SECONDS = 30.0


@click.group
def backup() -> None:
    """Take backups, and restore any moment of them."""


@backup.command
@click.option("--to", "path", type=FOLDER, required=True, help="The folder of backups.")
@click.pass_obj
def take(output: Output, path: Path) -> None:
    """Take a base backup of the whole database, verified when it is done."""
    settings = output.settings()
    with database(settings) as dsn:
        taken = take_now(settings, dsn, parts(path))
    output.tell(taken, f"took {taken.name}  position {taken.position}")


@backup.command
@click.option("--to", "path", type=FOLDER, required=True, help="The folder of backups.")
@click.pass_obj
def stream(output: Output, path: Path) -> None:
    """Receive what the database writes, as it is written, until told to stop."""
    settings = output.settings()
    with database(settings) as dsn:
        process = spawn(receiving(settings, dsn, parts(path)), signal.SIGTERM)
        ending = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        finally:
            stop(process, signal.SIGTERM, STOP_SECONDS)
            signal.signal(signal.SIGTERM, ending)
    if code not in {0, -signal.SIGTERM}:
        raise click.ClickException(f"pg_receivewal ended with {code}")


@backup.command
@click.argument("name")
@click.option("--to", "path", type=FOLDER, required=True, help="The folder of backups.")
@click.pass_obj
def mark(output: Output, name: str, path: Path) -> None:
    """Give this moment a name, to be restored exactly."""
    settings = output.settings()
    with database(settings) as dsn:
        marked = mark_now(dsn, parts(path), name)
    output.tell(marked, f"marked {marked.name}  position {marked.position}")


@backup.command("list")
@click.option("--from", "path", type=FOLDER, required=True, help="The folder of backups.")
@click.pass_obj
def list_backups(output: Output, path: Path) -> None:
    """List base backups and named moments, the oldest first."""
    output.table(rows_of(parts(path)), COLUMNS)


def rows_of(folder: Folder) -> list[dict[str, object]]:
    """Return what a folder of backups holds."""
    found = [("base", each.taken_at, each) for each in folder.taken()]
    marks = [("mark", each.marked_at, each) for each in folder.marks()]
    return [
        {**msgspec.structs.asdict(each), "kind": kind, "at": at}
        for kind, at, each in sorted([*found, *marks], key=lambda row: row[1])
    ]


@backup.command
@click.option("--from", "path", type=FOLDER, required=True, help="The folder of backups.")
@click.option("--to", "to", type=FOLDER, required=True, help="A data folder without a server.")
@click.option("--until", type=Time(), help="Restore what was committed by this time.")
@click.option("--mark", "name", help="Restore a named moment.")
@click.pass_obj
def restore(output: Output, path: Path, to: Path, *, until: str | None, name: str | None) -> None:
    """Restore a moment, or everything, as the private server of a data folder.

    Run `ledgerbank recover --erasures REGISTER` with DATA_DIR set to that folder before anything
    else; the register that this makes names everybody who was deleted since.
    """
    if until is not None and name is not None:
        raise click.UsageError("say until when in one way: --until or --mark")
    target = Target(time=until, mark=name)
    restored = restore_to(output.settings(), parts(path), to, target)
    lost = restored.received_position - restored.position
    output.tell(
        restored,
        f"restored      {restored.base}, position {restored.position}",
        f"left behind   {lost} events, {restored.erased_since} of them deletions of people",
        f"next          DATA_DIR={to} ledgerbank recover --erasures {restored.register}",
    )
