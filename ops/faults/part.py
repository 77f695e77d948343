"""One part of a house under drill: the product's own verb, armed or deliberately broken."""

import sys
from functools import partial

import click

from ops.cli import main
from ops.faults.mutants import MUTANTS
from ops.verbs import run
from ops.work import work
from workers.crashpoints import POINTS, deadly


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--mutant", type=click.Choice(list(MUTANTS)), help="Break a promise first.")
@click.option("--crash-at", type=click.Choice(POINTS), help="Die at this step.")
@click.argument("verb", nargs=-1, required=True, type=click.UNPROCESSED)
def part(mutant: str | None, crash_at: str | None, verb: tuple[str, ...]) -> None:
    """Run a verb of the product as one part of a drill."""
    if mutant is not None:
        MUTANTS[mutant]()
    if crash_at is not None:
        setattr(run, "work", partial(work, crashpoint=deadly(crash_at)))  # noqa: B010  # the verb's own
    sys.exit(main(list(verb)))


if __name__ == "__main__":
    part()
