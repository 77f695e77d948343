"""Verbs that hand the ledger over to other programs."""

import asyncio
import time
from pathlib import Path

import click
from psycopg import Connection

from ledger.errors import Reason, Refused
from ops.databases import migrated_database
from ops.output import Output
from ops.verbs.files import OUT
from ops.verbs.moments import Time
from projections.journals.export import exported
from projections.journals.formats import FORMATS
from schema.postgres import connect, open_pool

PATIENCE_SECONDS, POLL_SECONDS = 10.0, 0.1
READ = ["accounts", "postings"]


@click.command
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), required=True, help="What to write."
)
@click.option("--at", type=Time(), help="Only what was booked up to this time.")
@click.option(
    "--out",
    type=OUT,
    required=True,
    help="Where to write it.",
)
@click.pass_obj
def export(output: Output, form: str, at: str | None, out: Path) -> None:
    """Write the whole ledger as a journal; the file appears when it is complete."""
    settings = output.settings()
    with migrated_database(settings) as dsn:
        with connect(dsn, "ledgerbank_app") as connection:
            if not caught_up(connection):
                raise Refused(Reason.PROJECTION_LAGGING, projections=READ)
        partial = out.with_name(f"{out.name}.part")
        try:
            size = asyncio.run(written(dsn, form, at, partial))
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    output.tell({"out": str(out), "bytes": size}, f"written to {out}")


def caught_up(connection: Connection) -> bool:
    """Wait until the read models have seen all there is now; say whether they have."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (done := connection.execute(CAUGHT_UP, (READ,)).fetchone() == (True,)):
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return done


async def written(dsn: str, form: str, at: str | None, out: Path) -> int:
    """Write a journal to a file; return its size in bytes."""
    size = 0
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        with out.open("wb") as file:
            async for piece in exported(pool, FORMATS[form](), at):
                size += file.write(piece)
    return size


CAUGHT_UP = """
SELECT min(position) >= (SELECT position FROM log.head) FROM read.checkpoints
WHERE projection = ANY(%s)
"""
