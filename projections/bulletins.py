"""Bulletins: what a notice is told as to the programs of customers (jobs.md §7)."""

from typing import Any

from ledger.policies.bulletins import PING
from projections.notices import AT, Notice, selected
from projections.told import Occasion, Record, Teller, occasions

BALANCE = ("currency", "balance", "held", "available", "credit_limit")


async def bulletin(teller: Teller, position: int, name: str, viewer: str | None) -> Record:
    """Return type, time, place and data of what happened at a position, as `viewer` may see it."""
    async with teller.past.pool.connection() as connection:
        found = await selected(connection, AT, {"position": position})
    if not found:
        raise LookupError(f"nobody was ever told of position {position}")
    [occasion] = await occasions(teller.past.pool, found)
    return {
        "type": name,
        "timestamp": occasion.notice.recorded_at,
        "data": await data_of(teller, occasion, name, viewer),
        "position": position,
    }


async def data_of(teller: Teller, occasion: Occasion, name: str, viewer: str | None) -> Record:
    """Return the record that an event is about, in the shape of http.md §3, as it was then."""
    noun = name.partition(".")[0]
    if noun == "transaction":
        return await teller.transaction(occasion, viewer)
    if noun == "balance":
        return balance(occasion.notice, await teller.account(occasion))
    if noun == PING:
        return {"endpoint_id": occasion.notice.subject}
    asked = {
        "connection": teller.connection,
        "sync": teller.connection,
        "reconciliation": teller.discrepancy,
        "payment": teller.payment,
        "transfer": teller.transfer,
        "hold": teller.hold,
        "account": teller.account,
    }
    return await asked[noun](occasion)


def balance(notice: Notice, account: Record) -> dict[str, Any]:
    """Return a Balance as it was."""
    held = {name: account[name] for name in BALANCE}
    when = {"as_of": notice.recorded_at, "position": notice.position}
    return {"account_id": notice.account_id} | held | when
