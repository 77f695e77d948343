"""The verb that looks at everything: `ledgerbank doctor` (proof.md P-11)."""

from pathlib import Path

import click
import msgspec

from ops.databases import database
from ops.doctoring.complaint import Complaint, worst_of
from ops.doctoring.doctor import look
from ops.failures import CheckFailed
from ops.output import Output


@click.command
@click.option("--full", "whole", is_flag=True, help="Audit the log however long it is.")
@click.option("--backups", "folder", type=click.Path(path_type=Path, file_okay=False),
              help="The folder of backups; that of the data folder otherwise.")  # fmt: skip
@click.pass_obj
def doctor(output: Output, *, whole: bool, folder: Path | None) -> None:
    """Check everything a deployment stands on; tell what repairs each fault. Exit 1 on an error."""
    settings = output.settings()
    with database(settings) as dsn, output.progress("doctor") as bar:
        found = list(look(settings, dsn, whole=whole, folder=folder, bar=bar))
    worst = worst_of(each.status for each in found)
    shown = {"status": worst, "checks": [msgspec.structs.asdict(each) for each in found]}
    output.tell(shown, *(line(each) for each in found), f"all in all: {worst}")
    if worst == "error":
        raise CheckFailed


def line(complaint: Complaint) -> str:
    """Return what was found on one line, and what repairs it on the next."""
    told = f"{complaint.status:<8} {complaint.check:<13} {complaint.subject} {complaint.detail}"
    repair = "" if complaint.repair is None else f"\n         {'':<13} → {complaint.repair}"
    return told.rstrip() + repair
