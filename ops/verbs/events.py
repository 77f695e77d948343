"""Verbs that read the log: list, show, tail, search."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from ledger.errors import Reason, Refused
from ledger.identity import is_id
from ops.databases import migrated_database
from ops.eventlog import EventLog, Filter
from ops.output import Output
from ops.readmodels import keks_of
from ops.verbs.moments import Time
from ops.verbs.trace import trace
from projections.events import LoggedEvent
from schema.postgres import connect

COLUMNS = ("position", "recorded_at", "type", "stream_id", "stream_version")


@click.group
def events() -> None:
    """Read the log of events."""


events.add_command(trace)


@contextmanager
def open_log(output: Output) -> Iterator[EventLog]:
    """Give the log for the length of the block; nothing can be changed through it."""
    settings = output.settings()
    with (
        migrated_database(settings) as dsn,
        connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection,
    ):
        connection.execute("SET default_transaction_read_only = on")
        yield EventLog(connection, keks_of(settings))


def narrowed(command: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the flags that narrow the events it is about."""
    for option in reversed(FLAGS):
        command = option(command)
    return command


FLAGS = (
    click.option("--stream", help="Only this stream, e.g. account-0192…"),
    click.option("--type", help="Only this type, e.g. PaymentCompleted."),
    click.option("--from", "first", type=int, default=1, help="From this position."),
    click.option("--to", "last", type=int, help="Up to this position."),
    click.option("--since", type=Time(), help="Recorded at this time or later."),
    click.option("--until", type=Time(), help="Recorded at this time or earlier."),
    click.option("--actor", help="Only what this person or service has caused."),
    click.option("--correlation", help="Only what this request has caused."),
)


@events.command("list")
@narrowed
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
              help="At most so many.")  # fmt: skip
@click.pass_obj
def list_events(output: Output, /, limit: int, **asked: Any) -> None:
    """List events, oldest first."""
    with open_log(output) as log:
        found = [msgspec.structs.asdict(each) for each in log.every(Filter(**asked), limit)]
    output.table(found, COLUMNS)


@events.command
@click.argument("position", type=int)
@click.option("--raw", is_flag=True, help="Exactly as stored: what the leaf hash covers.")
@click.pass_obj
def show(output: Output, position: int, *, raw: bool) -> None:
    """Show one event."""
    with open_log(output) as log:
        stored = log.raw(position)
        if stored is None:
            raise Refused(Reason.EVENT_NOT_FOUND, position=position, head=log.head())
        if raw:
            print(stored.decode())
            return
        [event] = log.select(Filter(first=position, last=position), 1)
    output.tell(event, msgspec.json.format(msgspec.json.encode(event)).decode())


@events.command
@click.option("--stream", help="Only this stream.")
@click.option("--type", help="Only this type.")
@click.option("--actor", help="Only what this person or service causes.")
@click.option("--from", "first", type=int, help="From this position; without it, from now on.")
@click.option("--to", "last", type=int, help="Up to this position; ends there.")
@click.option("-f", "--follow", is_flag=True, default=True, help="Go on for ever (it always does).")
@click.option("--limit", type=click.IntRange(1), help="End after so many events.")
@click.pass_obj
def tail(
    output: Output, /, first: int | None, limit: int | None, *, follow: bool, **asked: Any
) -> None:
    """Follow the log as it grows, one line an event; Ctrl-C ends it."""
    assert follow, "the flag is always set"
    with open_log(output) as log:
        start = log.head() + 1 if first is None else first
        for number, event in enumerate(log.tail(Filter(first=start, **asked)), start=1):
            output.tell(event, line(event))
            if number == limit:
                return


@events.command
@click.argument("term", required=False)
@narrowed
@click.option("--field", "pairs", multiple=True, metavar="NAME=VALUE",
              help="A field of the data that has this value; may be repeated.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
              help="At most so many.")  # fmt: skip
@click.pass_obj
def search(
    output: Output, /, term: str | None, pairs: tuple[str, ...], limit: int, **asked: Any
) -> None:
    """Find events in which TERM is stored, or whose fields have certain values.

    Personal text is stored sealed and not found; everything else is, ids in any letter case.
    """
    fields = dict(pair.partition("=")[::2] for pair in pairs)
    if term is None and not fields:
        raise click.UsageError("say what to look for: TERM, --field NAME=VALUE")
    if not all("=" in pair for pair in pairs):
        raise click.UsageError("--field is NAME=VALUE")
    text = term.lower() if term is not None and is_id(term) else term
    with open_log(output) as log:
        wanted = Filter(text=text, fields=fields, **asked)
        found = [msgspec.structs.asdict(each) for each in log.every(wanted, limit)]
    output.table(found, COLUMNS)


def line(event: LoggedEvent) -> str:
    """Return an event on one line."""
    who = event.actor.get("role") or event.actor["type"]
    return f"{event.position:>10}  {event.recorded_at}  {event.type:<26} {event.stream_id}  {who}"
