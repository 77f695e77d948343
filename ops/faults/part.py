"""One part of a house under drill: the product's own verb, armed or deliberately broken."""

import sys
from pathlib import Path

import click

from ops.cli import main
from ops.faults import steps
from ops.faults.mutants import MUTANTS
from ops.faults.orders import NONE, taken


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--mutant", type=click.Choice(list(MUTANTS)), help="Break a promise first.")
@click.option("--orders", type=click.Path(path_type=Path), help="Where orders may lie.")
@click.argument("verb", nargs=-1, required=True, type=click.UNPROCESSED)
def part(mutant: str | None, orders: Path | None, verb: tuple[str, ...]) -> None:
    """Run a verb of the product as one part of a drill."""
    if mutant is not None:
        MUTANTS[mutant]()
    given = NONE if orders is None else taken(orders)
    if given.lease_seconds is not None:
        steps.shorten(given.lease_seconds)
    if given.crash_at is not None:
        steps.arm(steps.dying(given.crash_at))
    if given.stand_at is not None:
        steps.arm(steps.standing(given.stand_at))
    sys.exit(main(list(verb)))


if __name__ == "__main__":
    part()
