"""The history of one account: its events as its owner may see them, what made up its balance."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from psycopg import AsyncConnection

from ledger.events.event import Sealed
from ledger.money import decimal_text
from projections.known import Known
from projections.looking_back import Past
from projections.page import Listing, Sort, Wanted
from projections.past import knowing
from projections.selects import Page, read_page
from schema.upcasters import upcast

Content: TypeAlias = dict[str, Any]
NAMING = ("_by", "_id")
"""How fields end that may name somebody, or something of somebody."""
OWN = frozenset({
    "hold_id", "posting_id", "entry_id", "payment_id", "transfer_id", "bank_connection_id",
    "external_account_id",
})  # fmt: skip
"""Ids of what belongs to, or happened on, this very account."""


class Viewer(msgspec.Struct, frozen=True):
    """With whose eyes an account is looked at; `id` None sees everything."""

    id: str | None
    account_id: str

    def sees(self, value: Any, placed_by: Any) -> bool:
        """Say whether an id may be told: it is the viewer's own, or the viewer named it."""
        return self.id is None or value in {None, self.id, self.account_id} or placed_by == self.id


async def events(past: Past, wanted: Wanted, viewer: Viewer) -> Page:
    """Return the events of an account; a viewer who owns it sees no ids of others."""
    values = {"stream": f"account-{viewer.account_id}"}
    async with past.pool.connection() as connection:
        page = await read_page(connection, EVENTS, wanted, None, values)
        rows: list[Content] = msgspec.json.decode(page.data)
        for row in rows:
            row["data"] = upcast(row["type"], row.pop("schema_version"), row["data"])
        known = await keys_of(connection, past, [row["data"] for row in rows])
    for row in rows:
        row["data"] = told(row["data"], known, viewer)
    return Page(msgspec.json.encode(rows), page.pagination)


async def keys_of(connection: AsyncConnection, past: Past, data: Iterable[Content]) -> Known:
    """Return what opens the personal text in the data of events."""
    kids = {value.kid for each in data for value in sealed_in(each).values()}
    return await knowing(connection, past.keks, kids)


def sealed_in(data: Content) -> dict[str, Sealed]:
    """Return the personal texts of a payload, as stored."""
    return {
        name: Sealed(value["enc"], value["kid"])
        for name, value in data.items()
        if isinstance(value, Mapping) and value.keys() == {"enc", "kid"}
    }


def told(data: Content, known: Known, viewer: Viewer) -> Content:
    """Return a payload in clear, without the ids that are none of the viewer's business."""
    opened = data | {name: known.text(text) for name, text in sealed_in(data).items()}
    placed_by = data.get("placed_by")
    return {
        name: value
        for name, value in opened.items()
        if name in OWN or not name.endswith(NAMING) or viewer.sees(value, placed_by)
    }


async def explained(
    past: Past, wanted: Wanted, viewer: Viewer, version: int, currency: str
) -> Page:
    """Return the entries up to `version` that made up a balance, with the balance after each."""
    values = {"stream": f"account-{viewer.account_id}", "version": version}
    async with past.pool.connection() as connection:
        page = await read_page(connection, ENTRIES, wanted, None, values)
    rows: list[Content] = msgspec.json.decode(page.data)
    shown = [line(row, currency, viewer) for row in rows]
    return Page(msgspec.json.encode(shown), page.pagination)


def line(row: Content, currency: str, viewer: Viewer) -> Content:
    """Return one entry as it is explained: what it changed, who did it, and why."""
    booked, metadata = row["posting"] or {}, row["metadata"]
    data, actor = upcast(row["type"], row["schema_version"], row["data"]), metadata["actor"]
    minor = data["amount"] if row["type"] == "AccountCredited" else -data["amount"]
    known = actor["id"] if viewer.sees(actor["id"], None) else None
    return {
        "position": row["position"],
        "version": row["version"],
        "type": row["type"],
        "delta": decimal_text(minor, currency),
        "balance_after": decimal_text(data["balance_after"], currency),
        "actor": actor | {"id": known},
        "command_id": row["command_id"],
        "correlation_id": metadata["correlation_id"],
        "causation_id": metadata.get("causation_id"),
        "entry_id": data["entry_id"],
        "posting_id": data["posting_id"],
        "kind": booked.get("kind"),
        "payment_id": booked.get("payment_id"),
        "transfer_id": booked.get("transfer_id"),
        "hold_id": booked.get("hold_id"),
        "reverses_posting_id": booked.get("reverses_posting_id"),
        "recorded_at": row["recorded_at"],
        "effective_at": row["effective_at"],
    }


LINES = """
    SELECT event_id AS id, position, version, name, schema_version, command_id, recorded_at,
        effective_at, convert_from(data, 'UTF8')::json AS stored
    FROM log.events WHERE stream_id = %(stream)s
"""
ENTRY_LINES = (
    LINES
    + """
    AND version <= %(version)s AND name IN ('AccountCredited', 'AccountDebited')
"""
)
EVENT_SHAPE = """
position, name AS type, version, schema_version, stored -> 'data' AS data,
stored #>> '{metadata,actor,role}' AS actor_role, recorded_at
"""
ENTRY_SHAPE = """
position, name AS type, version, schema_version, stored -> 'data' AS data,
stored -> 'metadata' AS metadata, command_id, recorded_at, effective_at, (
    SELECT convert_from(p.data, 'UTF8')::json -> 'data' FROM log.events AS p
    WHERE p.version = 1 AND p.stream_id = 'posting-' || (t.stored #>> '{data,posting_id}')
) AS posting
"""
EVENTS = Listing(
    name="account events",
    table=f"({LINES}) AS lines",
    shape=EVENT_SHAPE,
    sorts={"position": Sort("version", "bigint")},
    usual="position:asc",
)
ENTRIES = Listing(
    name="account entries",
    table=f"({ENTRY_LINES}) AS lines",
    shape=ENTRY_SHAPE,
    sorts={"position": Sort("version", "bigint")},
    usual="position:desc",
)
