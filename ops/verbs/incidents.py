"""Verbs about incidents: one account in a file, and folded again from it (proof.md P-13)."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
from typing_extensions import override

from ledger.times import utc_text
from ops.failures import CheckFailed
from ops.incidents import FORMAT, Beginning, events_of, lines, replayed, states_of
from ops.log_files import Unfit
from ops.output import Output
from ops.verbs.events import open_log
from ops.verbs.files import OUT

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
WINDOW = re.compile(r"([0-9]{1,5})([mhd])", re.ASCII)


class Window(click.ParamType[timedelta]):
    """A stretch of time such as 30m, 48h or 7d."""

    name = "window"

    @override
    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """Read a number with its unit."""
        found = WINDOW.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no window: say 30m, 48h or 7d", param, ctx)
        return timedelta(**{UNITS[found[2]]: int(found[1])})


@click.group
def incident() -> None:
    """Take one account elsewhere to look at it."""


@incident.command
@click.option("--account", "account_id", required=True, help="The account.")
@click.option("--window", type=Window(), default="48h", show_default=True,
              help="Also what moved with it in this time, up to now.")  # fmt: skip
@click.option("--redact", is_flag=True, help="Leave out texts and where requests came from.")
@click.option("--out", type=OUT, required=True,
              help="The file to write.")  # fmt: skip
@click.pass_obj
def export(output: Output, account_id: str, window: timedelta, out: Path, *, redact: bool) -> None:
    """Write the streams of one account to a file."""
    since = utc_text(datetime.now(UTC) - window)
    with open_log(output) as log:
        events = events_of(log.connection, account_id.lower(), since, redacted=redact)
    states = states_of(events)
    beginning = Beginning(FORMAT, account_id.lower(), events[-1].position, redact, states)
    out.write_bytes(b"\n".join([*lines(beginning, events), b""]))
    shown = {"file": str(out), "events": len(events), "streams": len(states)}
    output.tell(shown, f"{len(events)} events of {len(states)} streams in {out}")


@incident.command
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def replay(output: Output, source: Path) -> None:
    """Fold an exported file; exit 1 when a state is not what it was."""
    try:
        beginning, states = replayed(source.read_bytes().splitlines())
    except (msgspec.MsgspecError, LookupError, ValueError) as error:
        raise Unfit(f"{source.name} is no incident: {error}") from error
    before = {each.stream: each for each in beginning.states}
    rows = [
        {"stream": each.stream, "version": each.version, "digest": each.digest[:16],
         "equal": before.get(each.stream) == each}
        for each in states
    ]  # fmt: skip
    output.table(rows, ("stream", "version", "digest", "equal"))
    if states != beginning.states:
        raise CheckFailed
