"""`ledgerbank tour`: the main job against a running system, as customer, staff and auditor."""

import click

from ops.databases import runs_privately
from ops.eventlog import Filter
from ops.output import Output
from ops.tour.story import play
from ops.verbs.events import line, open_log

EVENTS_SHOWN = 12


@click.command
@click.option("--url", default="http://127.0.0.1:4000", show_default=True, help="Where it runs.")
@click.pass_obj
def tour(output: Output, url: str) -> None:
    """Play the main job over HTTP; fail when anything differs from what it should be.

    Needs the demo data (`ledgerbank up --demo`). Every run leaves two customers and their money.
    """
    play(url, output)
    show_events(output)


def show_events(output: Output) -> None:
    """Show the newest events, where the log of this machine is at hand."""
    settings = output.settings()
    if settings.core.database_url is None and not runs_privately(settings):
        output.say("\n`ledgerbank events list` shows the events where the database is at hand.")
        return
    output.say("\nThe newest events of the log:")
    with open_log(output) as log:
        first = max(1, log.head() - EVENTS_SHOWN + 1)
        for event in log.select(Filter(first=first), EVENTS_SHOWN):
            output.say(f"  {line(event)}")
