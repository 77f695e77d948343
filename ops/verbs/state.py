"""The verb that looks at one stream: its state then, what changed, what made up a balance."""

import asyncio
from typing import Any

import click
import msgspec

from ops.databases import migrated_database
from ops.explaining import PREFIX, explain
from ops.output import Output
from ops.readmodels import keks_of
from ops.states import END, States, StreamState, Until, differences
from ops.verbs.events import open_log
from ops.verbs.moments import Moment, Time

COLUMNS = ("position", "recorded_at", "type", "delta", "balance_after", "kind", "who", "command_id")


@click.command
@click.argument("stream")
@click.option("--version", type=click.IntRange(1), help="After so many of its events.")
@click.option("--at", type=Moment(), help="As it was at this time or position.")
@click.option("--known-at", type=Moment(),
              help="What counted by the time --at, as far as it was known then.")  # fmt: skip
@click.option("--diff", nargs=2, metavar="A B", help="What changed between two versions or times.")
@click.option("--explain", "explained", is_flag=True, help="The entries that made up a balance.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
              help="At most so many entries, the newest.")  # fmt: skip
@click.pass_obj
def state(output: Output, /, stream: str, **asked: Any) -> None:
    """Show the state of STREAM, e.g. account-0192…, now or at any time."""
    refuse_nonsense(stream, asked)
    if asked["explained"]:
        return show_entries(output, stream, asked["at"], asked["limit"])
    with open_log(output) as log:
        states = States(log)
        if asked["diff"]:
            one, other = (states.state(stream, end(states, told)) for told in asked["diff"])
            changes = list(differences(told_of(one), told_of(other)))
            return output.table(changes, ("field", "before", "after"))
        shown = states.state(stream, until(states, asked))
    output.tell(shown, msgspec.json.format(msgspec.json.encode(shown)).decode())
    return None


def refuse_nonsense(stream: str, asked: dict[str, Any]) -> None:
    """Refuse flags that do not go together."""
    given = {name for name in ("version", "at", "known_at", "diff") if asked[name] is not None}
    if asked["explained"]:
        if given - {"at"} or not stream.startswith(PREFIX):
            raise click.UsageError("--explain is of an account, and goes with --at alone")
    elif given not in ({"known_at"}, {"at", "known_at"}) and len(given) > 1:
        raise click.UsageError("one of --version, --at (with --known-at) and --diff")
    if asked["known_at"] is not None and isinstance(asked["at"], int):
        raise click.UsageError("with --known-at, --at is a time")


def until(states: States, asked: dict[str, Any]) -> Until:
    """Return how far the flags want the stream folded."""
    if asked["known_at"] is not None:
        return Until(position=states.reached(asked["known_at"]), at=asked["at"])
    if asked["at"] is not None:
        return Until(position=states.reached(asked["at"]))
    return Until(version=asked["version"] or END)


def end(states: States, told: str) -> Until:
    """Return what a word of --diff means: a version, or a time."""
    if told.isdecimal():
        return Until(version=int(told))
    return Until(position=states.reached(Time().convert(told, None, None)))


def told_of(shown: StreamState) -> dict[str, Any]:
    """Return what may differ between two states of a stream."""
    return {"version": shown.version, "updated_at": shown.updated_at, **shown.state}


def show_entries(output: Output, stream: str, at: int | str | None, limit: int) -> None:
    """Print the entries behind a balance, newest first."""
    settings = output.settings()
    with open_log(output) as log:
        position = log.head() if at is None else States(log).reached(at)
    with migrated_database(settings) as dsn:
        lines = asyncio.run(explain(dsn, keks_of(settings), stream, position, limit))
    rows = [{**line, "who": line["actor"]["role"] or line["actor"]["type"]} for line in lines]
    output.table(lines if output.as_json else rows, COLUMNS)
