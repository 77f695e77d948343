"""Verbs that read the log: list, show, tail."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec

from ledger.errors import Reason, Refused
from ops.databases import migrated_database
from ops.eventlog import EventLog, Filter
from ops.output import Output
from ops.readmodels import keks_of
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
    with migrated_database(settings) as dsn, connect(dsn, "ledgerbank_app") as connection:
        connection.execute("SET default_transaction_read_only = on")
        yield EventLog(connection, keks_of(settings))


@events.command("list")
@click.option("--stream", help="Only this stream, e.g. account-0192…")
@click.option("--type", "kind", help="Only this type, e.g. PaymentCompleted.")
@click.option("--from", "first", type=int, default=1, help="From this position.")
@click.option("--to", "last", type=int, help="Up to this position.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True,
              help="At most so many.")  # fmt: skip
@click.pass_obj
def list_events(  # noqa: PLR0913, PLR0917  # one argument per flag
    output: Output, stream: str | None, kind: str | None, first: int, last: int | None, limit: int
) -> None:
    """List events, oldest first."""
    wanted = Filter(stream=stream, type=kind, first=first, last=last)
    with open_log(output) as log:
        found = [msgspec.structs.asdict(each) for each in log.every(wanted, limit)]
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
@click.option("--type", "kind", help="Only this type.")
@click.option("--from", "first", type=int, help="From this position; without it, from now on.")
@click.option("--limit", type=click.IntRange(1), help="End after so many events.")
@click.pass_obj
def tail(
    output: Output, stream: str | None, kind: str | None, first: int | None, limit: int | None
) -> None:
    """Follow the log as it grows, one line an event; Ctrl-C ends it."""
    with open_log(output) as log:
        start = log.head() + 1 if first is None else first
        wanted = Filter(stream=stream, type=kind, first=start)
        for number, event in enumerate(log.tail(wanted), start=1):
            output.tell(event, line(event))
            if number == limit:
                return


def line(event: LoggedEvent) -> str:
    """Return an event on one line."""
    who = event.actor.get("role") or event.actor["type"]
    return f"{event.position:>10}  {event.recorded_at}  {event.type:<26} {event.stream_id}  {who}"
