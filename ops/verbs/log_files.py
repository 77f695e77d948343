"""Verbs about the log as a whole: what it comes to, out into a file, in from a file."""

from pathlib import Path

import click
import msgspec

from ops.databases import migrated_database
from ops.log_files import lines, take_in, write
from ops.output import Output
from ops.settings import SettingsRefused
from ops.statistics import statistics
from ops.verbs.events import events, open_log
from ops.verbs.files import OUT


@events.command
@click.pass_obj
def stats(output: Output) -> None:
    """Show how many events there are, of which types, on which days, and their size."""
    with open_log(output) as log:
        found = statistics(log.connection)
    whole = msgspec.structs.asdict(found)
    if output.as_json:
        output.tell(found)
        return
    for name in ("events", "first_recorded_at", "last_recorded_at", "bytes_on_disk",
                 "bytes_per_event", "commands_estimated", "streams_estimated"):  # fmt: skip
        output.tell(None, f"{name.replace('_', ' '):<20} {whole[name]}")
    for counts in (found.types, found.days):
        output.tell(None, "")
        output.table([msgspec.structs.asdict(each) for each in counts], ("name", "events"))


@events.command
@click.option("--out", type=OUT, required=True,
              help="The file to write.")  # fmt: skip
@click.option("--stream", help="Only this stream.")
@click.option("--from", "first", type=click.IntRange(1), default=1, help="From this position.")
@click.option("--to", "last", type=click.IntRange(1), help="Up to this position.")
@click.pass_obj
def export(output: Output, out: Path, stream: str | None, first: int, last: int | None) -> None:
    """Write events to a file exactly as they are stored, one JSON object to a line."""
    unfinished = out.with_name(out.name + ".unfinished")
    with open_log(output) as log, output.progress("events") as bar:
        end = min(last or log.head(), log.head())
        with unfinished.open("wb") as target:
            total = max(0, end - first + 1)
            number = write(target, lines(log.connection, first, end, stream), total, bar.at)
    unfinished.replace(out)
    output.tell({"file": str(out), "events": number}, f"{number} events in {out}")


@events.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def take(output: Output, source: Path) -> None:
    """Fill an empty log from an exported file, every event checked.

    Keys of personal text and credentials do not travel: such text reads "[erased]".
    """
    settings = output.settings()
    if settings.core.env == "prod":
        raise SettingsRefused(["a log is taken in for looking at it, not for serving"])
    with (
        migrated_database(settings) as dsn,
        source.open("rb") as file,
        output.progress("events") as bar,
    ):
        position = take_in(dsn, file, bar.at)
    output.tell({"position": position}, f"position {position}")
