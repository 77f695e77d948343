"""Verbs about read models: where they stand, pause and resume, make again, check, roll back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from ledger.errors import Reason, Refused
from ops.databases import migrated_database
from ops.output import Output
from ops.projecting import every, make, make_beside, tell_rebuilt
from ops.settings import Settings
from ops.verbs.portions import Share, Verify
from projections import leases
from projections.catalogue import BY_NAME
from projections.rebuild import Plan, Report, roll_back
from schema.postgres import connect

COLUMNS = ("name", "position", "head", "lag", "status")
STATUS = (*COLUMNS, "rate", "eta", "copy_position", "kept_position", "drift_rows", "last_error")
WATCH_SECONDS = 1.0


@click.group
def projections() -> None:
    """Look at, pause, check and rebuild the read models."""


@projections.command("list")
@click.pass_obj
def list_projections(output: Output) -> None:
    """List every read model with its checkpoint."""
    with migrated_database(output.settings()) as dsn, connect(dsn, "ledgerbank_app") as connection:
        shown = [
            {name: row[name] for name in (*COLUMNS, "last_error")} for row in every(connection)
        ]
    output.table(shown, COLUMNS)


@projections.command
@click.option("--watch", is_flag=True, help="Go on showing, with rate and time left, until Ctrl-C.")
@click.option("--every", "pause", type=click.FloatRange(0.1), default=WATCH_SECONDS,
              show_default=True, help="Seconds between two looks.")  # fmt: skip
@click.option("--times", type=click.IntRange(1), help="End after so many looks.")
@click.pass_obj
def status(output: Output, *, watch: bool, pause: float, times: int | None) -> None:
    """Show where every read model stands, what is being made, kept, and was found at checks."""
    with migrated_database(output.settings()) as dsn, connect(dsn, "ledgerbank_app") as connection:
        before: dict[str, int] = {}
        looks = 0
        while True:
            rows = [paced(row, before.get(row["name"]), pause) for row in every(connection)]
            output.table(rows, STATUS)
            looks += 1
            if not watch or looks == times:
                return
            before = {row["name"]: row["position"] for row in rows}
            time.sleep(pause)


def paced(row: dict[str, Any], before: int | None, seconds: float) -> dict[str, Any]:
    """Return a row with its events per second since the last look, and the seconds left."""
    moved = 0 if before is None else row["position"] - before
    rate = round(moved / seconds)
    left = round(row["lag"] / rate) if rate > 0 else (0 if not row["lag"] else None)
    return {**row, "rate": None if before is None else rate, "eta": left}


@projections.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "whole", is_flag=True, help="Every read model.")
@click.option("--verify", "checked", type=Verify(), default="full", show_default=True,
              help="Rows compared before the swap: full, sample=0.01, none.")  # fmt: skip
@click.option("--accept-differences", "accepted", type=click.IntRange(0), default=0,
              help="Swap although so many rows differ.")  # fmt: skip
@click.option("--repair", is_flag=True, help="Swap however many rows differ from the log's.")
@click.option("--swap", type=click.Choice(["auto", "manual"]), default="auto", show_default=True,
              help="manual keeps the copy ready for `projections swap`.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a copy that was interrupted.")
@click.option("--throttle", "work", type=Share(), default="100%", show_default=True,
              help="The share of the time it may work.")  # fmt: skip
@click.option("--dry-run", "dry", is_flag=True, help="Make and compare, but swap nothing.")
@click.option("--parallel", type=click.IntRange(1, 64), default=1, show_default=True,
              help="So many read models at once.")  # fmt: skip
@click.pass_obj
def rebuild(
    output: Output, /, names: tuple[str, ...], *, whole: bool, parallel: int, **how: Any
) -> None:
    """Build read models again beside the live ones, compare, and swap.

    Reads go on meanwhile. Where the copy differs nothing is swapped and the exit code is 1.
    """
    plan = Plan(
        share=how["checked"],
        accepted=None if how["repair"] else how["accepted"],
        dry=how["dry"],
        swap=how["swap"] == "auto",
        resume=how["resume"],
        work=how["work"],
    )
    chosen, settings = named(names, whole=whole), output.settings()
    with migrated_database(settings) as dsn, told(settings, dsn, repair=how["repair"]) as made:
        if parallel > 1:
            for report in make_beside(settings, dsn, chosen, plan, parallel):
                tell(output, report, made)
            return
        with ExitStack() as shown:
            bars = lambda name: shown.enter_context(output.progress(name)).at  # noqa: E731  # one line
            for report in make(settings, dsn, chosen, plan, bars):
                shown.close()
                tell(output, report, made)


def named(names: tuple[str, ...], *, whole: bool) -> tuple[str, ...]:
    """Return the read models that are meant."""
    if whole == bool(names):
        raise click.UsageError("name read models, or say --all")
    for name in names:
        if name not in BY_NAME:
            raise Refused(Reason.PROJECTION_NOT_FOUND, name=name, known=list(BY_NAME))
    return names or tuple(BY_NAME)


def tell(output: Output, report: Report, made: list[str]) -> None:
    """Tell what was done."""
    if report.swapped:
        made.append(report.projection)
    rate = round(report.events_per_second)
    line = f"{report.projection:<16} position {report.position}  {rate} events/s"
    ending = "" if report.swapped else f"  not swapped, {report.differing} rows differ"
    output.tell(report, line + ending)


@contextmanager
def told(settings: Settings, dsn: str, *, repair: bool) -> Iterator[list[str]]:
    """Tell the audit log in the end which read models were made again, whatever came after."""
    made: list[str] = []
    try:
        yield made
    finally:
        if made:
            tell_rebuilt(settings, dsn, made, repair=repair)


@projections.command
@click.argument("name")
@click.pass_obj
def swap(output: Output, name: str) -> None:
    """Put a copy in place that `rebuild --swap manual` keeps ready."""
    named((name,), whole=False)
    settings = output.settings()
    with migrated_database(settings) as dsn, told(settings, dsn, repair=False) as made:
        with connect(dsn, "ledgerbank_read") as connection:
            if connection.execute(READY, (name,)).fetchone() is None:
                raise Refused(Reason.PROJECTION_NOT_FOUND, name=name, copy=None)
        [report] = make(settings, dsn, (name,), Plan(resume=True), lambda _: ignore)
        tell(output, report, made)


def ignore(_done: int, _total: int, _per_second: float) -> None:
    """Draw nothing."""


@projections.command
@click.argument("name")
@click.pass_obj
def rollback(output: Output, name: str) -> None:
    """Put the tables back that the last rebuild replaced; they are kept for a day."""
    named((name,), whole=False)
    settings = output.settings()
    with migrated_database(settings) as dsn:
        roll_back(dsn, BY_NAME[name])
    output.tell({"name": name, "rolled_back": True}, f"{name} is rolled back")


@projections.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "whole", is_flag=True, help="Every read model.")
@click.pass_obj
def pause(output: Output, names: tuple[str, ...], *, whole: bool) -> None:
    """Stop read models where they are until they are resumed."""
    change(output, named(names, whole=whole), leases.pause, "paused")


@projections.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "whole", is_flag=True, help="Every read model.")
@click.pass_obj
def resume(output: Output, names: tuple[str, ...], *, whole: bool) -> None:
    """Let read models go on that were paused or have failed."""
    change(output, named(names, whole=whole), leases.resume, "resumed")


def change(output: Output, names: tuple[str, ...], how: Any, what: str) -> None:
    """Pause or resume read models; one that is so already is said to be."""
    with migrated_database(output.settings()) as dsn, connect(dsn, "ledgerbank_read") as connection:
        for name in names:
            changed = how(connection, name)
            line = f"{name} is {what}" if changed else f"{name} was not changed"
            output.tell({"name": name, what: changed}, line)


READY = "SELECT 1 FROM read.rebuilds WHERE projection = %s AND indexed"
