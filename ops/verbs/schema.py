"""Verbs about the shapes of stored events: which there are, and whether all of them can be read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from psycopg import Connection

from ledger.events.recorded import EVENT_TYPES
from ops.databases import migrated_database
from ops.failures import CheckFailed
from ops.output import Output
from ops.verbs.files import OUT
from schema.codec import decode_envelope
from schema.contracts.events import FILE, entry_of, faults, made, name_of, published, text_of
from schema.contracts.events import version_of as version_of_entry
from schema.postgres import connect

STORED = click.option("--stored", is_flag=True, help="Look at the events in the database as well.")


@click.group
def schema() -> None:
    """Look at the shapes of stored events."""


@schema.command("list")
@STORED
@click.pass_obj
def list_shapes(output: Output, *, stored: bool) -> None:
    """List every stored name and schema version, its fields, and how many events have it."""
    counted: dict[tuple[str, int], int] = {}
    if stored:
        with (
            migrated_database(output.settings()) as dsn,
            connect(dsn, "ledgerbank_read", statement_timeout_ms=0) as connection,
        ):
            counted = {(name, version): count for name, version, count, *_ in kinds(connection)}
    today = {entry_of(kind) for kind in EVENT_TYPES.values()}
    rows = [
        {
            "name": name_of(entry),
            "version": version_of_entry(entry),
            "written": entry in today,
            "fields": ", ".join(shape.get("properties", {})),
            **({"events": counted.get(place(entry), 0)} if stored else {}),
        }
        for entry, shape in made(published())["events"].items()
    ]
    output.table(rows, ("name", "version", *(("events",) if stored else ()), "fields"))


def place(entry: str) -> tuple[str, int]:
    """Return name and version of an entry."""
    return name_of(entry), version_of_entry(entry)


@schema.command
@STORED
@click.pass_obj
def check(output: Output, *, stored: bool) -> None:
    """Compare the events with what was published; exit 1 when a shape changed or cannot be read."""
    found, looked = list(faults()), 0
    if stored:
        with (
            migrated_database(output.settings()) as dsn,
            connect(dsn, "ledgerbank_read", statement_timeout_ms=0) as connection,
        ):
            rows = list(kinds(connection))
            looked, found = len(rows), [*found, *unreadable(connection, rows)]
    shapes = len(made(published())["events"])
    value = {"shapes": shapes, "stored_shapes": looked if stored else None, "faults": found}
    told = f"{shapes} shapes" + (f", {looked} of them stored and read" if stored else "")
    output.tell(value, *(f"FAILED {each}" for each in found), *([] if found else [f"ok  {told}"]))
    if found:
        raise CheckFailed


def kinds(connection: Connection[Any]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield every name and version in the log: how many events, the first and the last position."""
    yield from connection.execute(KINDS)


def unreadable(
    connection: Connection[Any], rows: list[tuple[str, int, int, int, int]]
) -> Iterator[str]:
    """Read the first and the last event of every stored shape; yield where that fails."""
    for name, version, _, *positions in rows:
        for position in dict.fromkeys(positions):
            ((data,),) = connection.execute(EVENT, (position,)).fetchall()
            try:
                decode_envelope(name, version, data)
            except (KeyError, msgspec.MsgspecError) as failure:
                yield f"{name} v{version} at position {position} cannot be read: {failure}"


@schema.command
@click.option(
    "--out",
    type=OUT,
    default=Path(__file__).parents[2] / "schema" / "contracts" / FILE,
    help="Where to write it; the published file otherwise.",
)
@click.pass_obj
def export(output: Output, out: Path) -> None:
    """Write the events as JSON Schema; old versions stay as they were published."""
    document = made(published())
    out.write_bytes(text_of(document))
    output.tell({"file": str(out), "shapes": len(document["events"])}, f"wrote {out}")


KINDS = """
SELECT name, schema_version, count(*), min(position), max(position) FROM log.events
GROUP BY name, schema_version ORDER BY name, schema_version
"""
EVENT = "SELECT data FROM log.events WHERE position = %s"
