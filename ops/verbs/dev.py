"""Verbs for developers: logs to try things on."""

import time

import click
import uvloop

from ops.databases import migrated_database
from ops.generate import generate as make
from ops.output import Output
from ops.settings import SettingsRefused


@click.group
def dev() -> None:
    """Make things to try the product on."""


@dev.command
@click.option("--events", type=click.IntRange(1), default=100_000, show_default=True,
              help="Add at least so many events.")  # fmt: skip
@click.pass_obj
def generate(output: Output, events: int) -> None:
    """Add what people of a bank do all day to the log, every event by a real decision."""
    settings = output.settings()
    if settings.core.env == "prod":
        raise SettingsRefused(["generated people are for development only"])
    with migrated_database(settings) as dsn, output.progress("events") as bar:
        began = time.monotonic()
        position = uvloop.run(make(settings, dsn, events, bar.at))
    seconds = time.monotonic() - began
    rate = round(events / seconds)
    shown = {"position": position, "seconds": round(seconds, 1), "events_per_second": rate}
    output.tell(shown, f"position {position}  {rate} events/s")
