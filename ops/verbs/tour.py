"""`ledgerbank tour`: the main job against a running system, as customer, staff and auditor."""

import click

from ops.output import Output
from ops.tour.story import play


@click.command
@click.option("--url", default="http://127.0.0.1:4000", show_default=True, help="Where it runs.")
@click.pass_obj
def tour(output: Output, url: str) -> None:
    """Play the main job over HTTP; fail when anything differs from what it should be.

    Needs the demo data (`ledgerbank up --demo`). Every run leaves two customers and their money.
    """
    play(url, output)
