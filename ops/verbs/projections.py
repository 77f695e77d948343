"""Verbs about read models: list them, build them again from the log."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from psycopg.rows import dict_row

from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.errors import Reason, Refused
from ledger.events.audit import Fact, ProjectionRebuilt
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import open_books
from ops.databases import migrated_database
from ops.output import Output
from ops.readmodels import keks_of
from ops.settings import Settings
from projections.catalogue import BY_NAME
from projections.rebuild import rebuild as rebuild_one
from schema.postgres import connect

COLUMNS = ("name", "position", "head", "lag", "status")


@click.group
def projections() -> None:
    """Look at and rebuild the read models."""


@projections.command("list")
@click.pass_obj
def list_projections(output: Output) -> None:
    """List every read model with its checkpoint."""
    settings = output.settings()
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        rows: list[dict[str, Any]] = (
            connection.cursor(row_factory=dict_row).execute(LIST).fetchall()
        )
    output.table(rows, COLUMNS)


@projections.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every read model.")
@click.option("--repair", is_flag=True, help="Swap even where the live rows differ from the log's.")
@click.pass_obj
def rebuild(output: Output, names: tuple[str, ...], *, every: bool, repair: bool) -> None:
    """Build read models again beside the live ones, compare, and swap.

    Reads go on meanwhile. Where the copy differs nothing is swapped and the exit code is 1.
    """
    if every == bool(names):
        raise click.UsageError("name read models, or say --all")
    for name in names:
        if name not in BY_NAME:
            raise Refused(Reason.PROJECTION_NOT_FOUND, name=name, known=list(BY_NAME))
    settings = output.settings()
    with migrated_database(settings) as dsn, told(settings, dsn, repair=repair) as made:
        for name in names or BY_NAME:
            with output.progress(name) as bar:
                report = rebuild_one(
                    dsn,
                    BY_NAME[name],
                    keks_of(settings),
                    progress=bar.at,
                    repair=repair,
                )
            made.append(name)
            rate = round(report.events_per_second)
            output.tell(report, f"{name:<16} position {report.position}  {rate} events/s")


@contextmanager
def told(settings: Settings, dsn: str, *, repair: bool) -> Iterator[list[str]]:
    """Tell the audit log in the end which read models were made again, whatever came after."""
    made: list[str] = []
    try:
        yield made
    finally:
        if made:
            details: dict[str, Fact] = {"projections": tuple(made), "repair": repair}
            event = ProjectionRebuilt(outcome="success", details=details)
            asyncio.run(record(settings, dsn, RecordSecurityEvent(event=event)))


async def record(settings: Settings, dsn: str, command: RecordSecurityEvent) -> None:
    """Record what an operator has done."""
    async with open_books(settings, dsn) as books:
        await books.ledger.handle(command, Context(actor=OPERATOR, correlation_id=new_id()))


LIST = """
SELECT c.projection AS name, c.position, head.position AS head,
    head.position - c.position AS lag, c.status, c.last_error
FROM read.checkpoints AS c, log.head ORDER BY c.projection
"""
