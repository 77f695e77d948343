"""The stored events as JSON Schema: made from the classes, compared with what was published."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, TypeAlias

import msgspec

from ledger.events.event import Event
from ledger.events.recorded import EVENT_TYPES, Envelope
from schema.upcasters import UPCASTERS, current_version

FILE = "events.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Document: TypeAlias = dict[str, Any]


def published() -> Document:
    """Return what was published last."""
    text = files("schema.contracts").joinpath(FILE).read_bytes()
    document: Document = msgspec.json.decode(text)
    return document


def made(before: Document) -> Document:
    """Return what is to be published: today's versions, and old ones as they were `before`."""
    kinds = list(EVENT_TYPES.values())
    (envelope, *_), parts = msgspec.json.schema_components(
        [Envelope[dict[str, Any]], *kinds], ref_template="#/$defs/{name}"
    )
    parts = {name: as_published(part) for name, part in parts.items()}
    events = {entry_of(kind): parts.pop(kind.__name__) for kind in kinds}
    shape = parts.pop(envelope["$ref"].rpartition("/")[2]) | {"title": "Envelope"}
    old = {
        entry: shape
        for entry, shape in before.get("events", {}).items()
        if version_of(entry) < current_version(name_of(entry))
    }
    return {
        "$schema": DIALECT,
        "title": "Stored events of LedgerBank",
        "description": "`events` by stored name and schema version: the `data` of an envelope.",
        "envelope": shape,
        "events": dict(sorted({**old, **events}.items())),
        "$defs": dict(sorted({**before.get("$defs", {}), **parts}.items())),
    }


def as_published(part: Document) -> Document:
    """Return a shape as it reads in a file; what is said about it is no part of it."""
    shape: Document = msgspec.json.decode(msgspec.json.encode(part))
    shape.pop("description", None)
    return shape


def entry_of(kind: type[Event]) -> str:
    """Return the name of an entry, as goldens are named."""
    return f"{kind.stored_as}.v{kind.schema_version}"


def name_of(entry: str) -> str:
    """Return the stored name of an entry."""
    return entry.rpartition(".v")[0]


def version_of(entry: str) -> int:
    """Return the schema version of an entry."""
    return int(entry.rpartition(".v")[2])


def faults() -> Iterator[str]:
    """Yield what is wrong with the catalogue of this program, in a sentence each."""
    before = published()
    today = made(before)
    for entry, shape in today["events"].items():
        if entry not in before["events"]:
            yield f"{entry} is not published: run `ledgerbank schema export`"
        elif before["events"][entry] != shape:
            yield f"{entry} is not what was published: a change needs a new version"
    for entry in before["events"].keys() - today["events"].keys():
        yield f"{entry} was published, and this program does not know it"
    for part in ("envelope", "$defs"):
        if before[part] != today[part]:
            yield f"{part} is not what was published: run `ledgerbank schema export`"
    yield from upcaster_faults()


def upcaster_faults() -> Iterator[str]:
    """Yield where old shapes cannot be lifted to today's."""
    for name, version in UPCASTERS:
        if name not in EVENT_TYPES:
            yield f"{name} v{version} is lifted, but nobody knows a {name}"
    for name, kind in EVENT_TYPES.items():
        if kind.schema_version != current_version(name):
            yield f"{name} is written as v{kind.schema_version}, lifted to v{current_version(name)}"


def text_of(document: Document) -> bytes:
    """Return a document as it is kept: readable, so that a diff tells what changed."""
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
