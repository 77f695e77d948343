"""`ops/bench`: measure on throw-away servers, print one table, audit every log that was written."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from ops import telemetry
from ops.benches.append import measure_append
from ops.benches.audit import audit
from ops.benches.deployment import Broken, Deployment, deployed
from ops.benches.figures import Result
from ops.benches.freshness import measure_freshness
from ops.benches.http import measure_http
from ops.benches.machine import this_machine
from ops.benches.past import measure_past
from ops.benches.projections import measure_projections
from ops.benches.scale import FULL, QUICK, Scale
from ops.benches.table import Report
from ops.benches.windows import Told

SUBJECTS: dict[str, Callable[[Deployment, Scale, Told], Result]] = {
    "append": measure_append,
    "http": measure_http,
    "freshness": measure_freshness,
    "projections": measure_projections,
    "past": measure_past,
}


def chosen(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str]:
    """Return the subjects of a list with commas; all without one."""
    names = list(SUBJECTS) if value is None else value.split(",")
    for name in names:
        if name not in SUBJECTS:
            raise click.BadParameter(f"{name} is none of {', '.join(SUBJECTS)}")
    return names


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A first look, within a minute.")
@click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
@click.option("--only", callback=chosen, help=f"Some of: {', '.join(SUBJECTS)}.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the throw-away servers keep their data: the disk that is measured.",
)
def bench(*, quick: bool, as_json: bool, only: Sequence[str], folder: Path | None) -> None:
    """Measure what LedgerBank does per second on this machine, beside floors of the same run.

    Exit code 1: an answer was wrong, or a log did not stand up to its audit.
    """
    telemetry.configure("warning", "text")
    try:
        with deployed(folder) as deployment:
            report = measured(deployment, QUICK if quick else FULL, only)
    except Broken as broken:
        print(f"error: {broken}", file=sys.stderr)
        sys.exit(1)
    for line in [report.json()] if as_json else report.lines():
        print(line)
    sys.exit(1 if report.wrong else 0)


def measured(deployment: Deployment, scale: Scale, names: Sequence[str]) -> Report:
    """Measure subject after subject, then audit what they wrote."""
    machine = this_machine(deployment)
    results = [SUBJECTS[name](deployment, scale, partial(say, name)) for name in names]
    say("audit", "hashes and balances of every log")
    findings = audit([dsn for result in results for dsn in result.databases])
    return Report(
        machine=machine,
        figures=(*(each for result in results for each in result.figures), findings.figure),
        goals=(*(each for result in results for each in result.goals), *findings.goals),
        audited=findings.events,
        wrong=findings.wrong,
    )


def say(subject: str, line: str) -> None:
    """Tell whoever waits what is being measured."""
    print(f"{subject}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    bench()
