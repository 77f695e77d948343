"""The verb that compares live read models with the log: `ledgerbank projections verify`."""

from typing import Any

import click
import msgspec

from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.readmodels import keks_of
from ops.verbs.portions import Share
from ops.verbs.projections import named, projections
from projections.catalogue import BY_NAME
from projections.drift import Drift
from projections.rebuild import Differs, verify

COLUMNS = ("key", "field", "live", "replayed", "position")


@projections.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "whole", is_flag=True, help="Every read model.")
@click.option("--sample", type=Share(), help="Compare a share of the rows, e.g. 0.05.")
@click.option("--full", is_flag=True, help="Compare all rows (the default).")
@click.pass_obj
def verify_projections(
    output: Output, names: tuple[str, ...], *, whole: bool, sample: float | None, full: bool
) -> None:
    """Fold the log again and compare it with the live rows; exit code 1 when any differs."""
    if full and sample is not None:
        raise click.UsageError("either --sample or --full")
    chosen, settings = named(names, whole=whole), output.settings()
    drifted = False
    with migrated_database(settings) as dsn:
        for name in chosen:
            try:
                with output.progress(name) as bar:
                    report = verify(
                        dsn, BY_NAME[name], keks_of(settings), bar.at,
                        share=sample or 1.0, trace=True,
                    )  # fmt: skip
            except Differs as found:
                drifted = True
                told(output, name, found)
            else:
                shown = {"projection": name, "position": report.position, "drift_rows": 0}
                output.tell(shown, f"{name:<16} position {report.position}  equal")
    if drifted:
        raise CheckFailed


def told(output: Output, name: str, found: Differs) -> None:
    """Tell the rows that differ, field by field, and where they part from the log."""
    count = len(found.rows)
    if output.as_json:
        drifts = [msgspec.structs.asdict(each) for each in found.drifts]
        shown = {"projection": name, "position": found.position, "drift_rows": count}
        output.tell(shown | {"rows": drifts})
        return
    output.say(f"{name:<16} position {found.position}  {count} rows differ")
    output.table([line for each in found.drifts for line in lines(each)], COLUMNS)


def lines(drift: Drift) -> list[dict[str, Any]]:
    """Return one line for each field that differs, or one for a row that is not there."""
    key = f"{drift.table} {drift.key}"
    if drift.live is None or drift.replayed is None:
        live, replayed = (
            None if each is None else "a row" for each in (drift.live, drift.replayed)
        )
        return [{"key": key, "field": "", "live": live, "replayed": replayed,
                 "position": drift.position}]  # fmt: skip
    return [
        {"key": key, "field": field, "live": drift.live.get(field),
         "replayed": drift.replayed.get(field), "position": drift.position}
        for field in drift.fields
    ]  # fmt: skip
