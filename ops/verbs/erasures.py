"""Verbs about erasures: who was deleted, and seeing to it that they stay so."""

from pathlib import Path

import click
import msgspec

from ops.databases import migrated_database
from ops.erasures import applied, erasures_of, register, registered
from ops.output import Output
from ops.verbs.files import OUT
from schema.postgres import connect

COLUMNS = ("user_id", "erasure_id", "position")


@click.group
def erasures() -> None:
    """See to it that the deleted stay deleted, whatever is restored."""


@erasures.command("list")
@click.option("--out", type=OUT, help="Write a register.")
@click.pass_obj
def list_erasures(output: Output, out: Path | None) -> None:
    """List everybody whom the log says to be deleted, by id; to be kept beside the backups."""
    with migrated_database(output.settings()) as dsn, connect(dsn, "ledgerbank_app") as connection:
        found = erasures_of(connection)
    if out is not None:
        register(found, out)
    output.table([msgspec.structs.asdict(each) for each in found], COLUMNS)


@erasures.command
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A register of people who were deleted after the backup was taken.",
)
@click.pass_obj
def apply(output: Output, file: Path | None) -> None:
    """Destroy keys that came back with a backup, of everybody whom the log or a register names."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        known = [] if file is None else registered(file)
        destroyed, deleted = applied(settings, dsn, known)
    value = {"destroyed": destroyed, "deleted": deleted}
    line = f"destroyed the keys of {len(destroyed)} people, deleted {len(deleted)} again"
    output.tell(value, line)
