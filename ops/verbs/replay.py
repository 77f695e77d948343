"""The verb that folds the log once more: `ledgerbank replay` (events_audit.md §6, proof P-7)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from ops.audits.reading import command_end
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.readmodels import keks_of
from ops.settings import Settings
from ops.verbs.files import OUT
from ops.verbs.moments import Moment
from ops.verbs.what_if import what_if
from projections.catalogue import BY_NAME
from projections.log import head_position
from projections.rebuild import Differs, verify
from projections.scratch import PAGE_EVENTS, Content, Scratch, digest_of, scratch
from schema.postgres import connect

BALANCES = "trial_balance"


class Total(msgspec.Struct, frozen=True):
    """What one currency came to, in minor units."""

    currency: str
    accounts: int
    debits: int
    credits: int


class Replayed(msgspec.Struct, frozen=True):
    """What the log came to at a position."""

    position: int
    digest: str
    tables: list[Content]
    totals: list[Total]


@click.command
@click.argument("names", nargs=-1, type=click.Choice(list(BY_NAME)), metavar="[NAME]...")
@click.option(
    "--until", type=Moment(), metavar="POS|TIME", help="As of this moment; else the head."
)
@click.option("--out", type=OUT,
              help="Write every row to a file, one JSON object to a line.")  # fmt: skip
@click.option("--digest", "short", is_flag=True, help="Print the position and its digest only.")
@click.option("--compare-live", "compared", is_flag=True,
              help="Compare the live rows with the log, as it is now.")  # fmt: skip
@click.option("--batch", "page_events", type=click.IntRange(1), default=PAGE_EVENTS,
              show_default=True, help="Fold so many events at once.")  # fmt: skip
@click.option("--what-if", "rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Judge all that was accepted by the rules of a TOML file.")  # fmt: skip
@click.option("--diff", is_flag=True, help="With --what-if: name all that would be other.")
@click.pass_obj
def replay(output: Output, /, names: tuple[str, ...], **asked: Any) -> None:
    """Fold the log up to a moment into scratch tables, and say what it comes to.

    Nothing is changed. The same position has the same digest on any machine.
    """
    settings, chosen = output.settings(), names or tuple(BY_NAME)
    if asked["rules"] is not None:
        refuse_company(names, asked)
        return what_if(output, settings, asked["rules"], asked["until"], whole=asked["diff"])
    if asked["diff"]:
        raise click.UsageError("--diff is about --what-if")
    if asked["compared"] and (asked["until"] is not None or asked["out"] is not None):
        raise click.UsageError("--compare-live is about now, and writes nothing")
    with migrated_database(settings) as dsn:
        if asked["compared"]:
            return compare(output, settings, dsn, chosen)
        found = replayed(output, dsn, chosen, asked)
    if asked["short"]:
        shown = {"position": found.position, "digest": found.digest}
        return output.tell(shown, f"position {found.position}  sha256:{found.digest}")
    return output.tell(found, *told(found))


def refuse_company(names: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Refuse what has no meaning beside --what-if."""
    if names or asked["out"] is not None or asked["short"] or asked["compared"]:
        raise click.UsageError("--what-if goes with --until and --diff only")


def replayed(output: Output, dsn: str, names: tuple[str, ...], asked: dict[str, Any]) -> Replayed:
    """Fold read models into scratch tables and return what they come to."""
    with connect(dsn, "ledgerbank_read") as connection:
        until = asked["until"]
        end = head_position(connection) if until is None else command_end(connection, until)
    projectors = [BY_NAME[name] for name in names]
    with scratch(dsn, projectors, asked["page_events"]) as made, output.progress("replay") as bar:
        made.fold_to(end, bar.at)
        contents = list(made.contents())
        if asked["out"] is not None:
            write(asked["out"], made)
        return Replayed(end, digest_of(end, contents), contents, totals(made, names))


def totals(made: Scratch, names: tuple[str, ...]) -> list[Total]:
    """Return what each currency came to, if the trial balance was folded."""
    if BALANCES not in names:
        return []
    table = next(each for each in BY_NAME[BALANCES].tables if each.name == BALANCES)
    sums: dict[str, Total] = {}
    for content in made.rows(table):
        row = msgspec.json.decode(content)
        before = sums.get(row["currency"], Total(row["currency"], 0, 0, 0))
        sums[row["currency"]] = Total(
            row["currency"],
            before.accounts + row["accounts"],
            before.debits + int(row["debit_total"]),
            before.credits + int(row["credit_total"]),
        )
    return [sums[currency] for currency in sorted(sums)]


def told(found: Replayed) -> Iterator[str]:
    """Yield what was found, line by line."""
    yield f"position {found.position}  sha256:{found.digest}"
    for table in found.tables:
        yield f"{table.table:<20} {table.rows:>10} rows  sha256:{table.digest[:16]}…"
    for total in found.totals:
        equal = "balanced" if total.debits == total.credits else "NOT BALANCED"
        yield f"{total.currency}  debits {total.debits}  credits {total.credits}  {equal}"


def write(out: Path, made: Scratch) -> None:
    """Write every row to a file, whole or not at all."""
    unfinished = out.with_name(out.name + ".unfinished")
    with unfinished.open("w", encoding="utf-8") as target:
        for table in made.tables:
            for row in made.rows(table):
                target.write(f'{{"table":"{table.name}","row":{row}}}\n')
    unfinished.replace(out)


def compare(output: Output, settings: Settings, dsn: str, names: tuple[str, ...]) -> None:
    """Say of each read model whether its live rows are what the log says."""
    differing = False
    for name in names:
        try:
            with output.progress(name) as bar:
                report = verify(dsn, BY_NAME[name], keks_of(settings), bar.at)
        except Differs as found:
            differing = True
            shown = {"projection": name, "position": found.position, "differing": len(found.rows)}
            output.tell(shown, str(found))
        else:
            shown = {"projection": name, "position": report.position, "differing": 0}
            output.tell(shown, f"{name:<16} position {report.position}  equal")
    if differing:
        raise CheckFailed
