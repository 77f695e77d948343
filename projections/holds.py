"""Holds: funds promised, what was taken of them, and what was given back."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from ledger.errors import Reason
from ledger.events.account import (
    AccountOpened,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.user import UserDeleted
from projections.erasing import erasing, key_of
from projections.filters import enum, identity
from projections.items import Item, fetch_item, item_query
from projections.log import Logged
from projections.page import Listing, Sort, Wanted
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from projections.selects import Page, fetch_page
from schema.postgres import Pool


class Hold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One hold. Its version counts its own events, not those of its account."""

    id: str
    account_id: str
    user_id: str
    purpose: str
    status: str = "ACTIVE"
    amount: int
    captured_amount: int = 0
    remaining_amount: int
    currency: str
    description: str | None
    reference: str | None
    description_key: str | None
    reference_key: str | None
    destination_account_id: str | None
    payment_id: str | None
    placed_by: str
    expires_at: str | None
    version: int = 1
    inserted_at: str
    updated_at: str


HOLD = Table("holds", Hold, texted=True)
Ending: TypeAlias = HoldCaptured | HoldReleased | HoldExpired


def placed(fold: Fold, logged: Logged[HoldPlaced]) -> None:
    event, known = logged.event, fold.known
    account = known.account(logged.subject)
    hold = Hold(
        id=event.hold_id,
        account_id=logged.subject,
        user_id=account.user_id,
        purpose=event.purpose,
        amount=event.amount,
        remaining_amount=event.amount,
        currency=account.currency,
        description=known.text(event.description),
        reference=known.text(event.reference),
        description_key=key_of(known, event.description),
        reference_key=key_of(known, event.reference),
        destination_account_id=event.destination_account_id,
        payment_id=event.payment_id,
        placed_by=event.placed_by,
        expires_at=event.expires_at,
        inserted_at=logged.recorded_at,
        updated_at=logged.recorded_at,
    )
    fold.rows.of(HOLD).put(hold)


def captured(fold: Fold, logged: Logged[HoldCaptured]) -> None:
    event = logged.event
    hold = fold.rows.of(HOLD).get(event.hold_id)
    taken = hold.captured_amount + event.amount
    if event.final:
        change(fold, logged, status="CAPTURED", captured_amount=taken, remaining_amount=0)
    else:
        left = hold.remaining_amount - event.amount
        change(fold, logged, captured_amount=taken, remaining_amount=left)


def released(fold: Fold, logged: Logged[HoldReleased]) -> None:
    change(fold, logged, status="RELEASED", remaining_amount=0)


def expired(fold: Fold, logged: Logged[HoldExpired]) -> None:
    change(fold, logged, status="EXPIRED", remaining_amount=0)


def change(fold: Fold, logged: Logged[Ending], **changes: Any) -> None:
    """Change the hold that `logged` is about."""
    holds = fold.rows.of(HOLD)
    hold = holds.get(logged.event.hold_id)
    holds.put(replace(hold, version=hold.version + 1, updated_at=logged.recorded_at, **changes))


def hold_of(logged: Logged[Ending]) -> Iterable[Key]:
    """Name the hold that `logged` is about."""
    return ((HOLD, logged.event.hold_id),)


def account_of(logged: Logged[HoldPlaced]) -> Iterable[str]:
    """Name the account that funds were promised from."""
    return (logged.stream_id,)


PROJECTOR = Projector(
    "holds",
    (HOLD,),
    {
        UserDeleted: erasing(HOLD),
        HoldPlaced: On(placed, streams=account_of),
        HoldCaptured: On(captured, hold_of),
        HoldReleased: On(released, hold_of),
        HoldExpired: On(expired, hold_of),
    },
    looks_up=(AccountOpened,),
)


async def page(pool: Pool, wanted: Wanted, now: str) -> Page:
    """Return Holds of the account that `wanted` is fixed to; lapsed ones have expired by `now`."""
    return await fetch_page(pool, LISTING, wanted, None, {"now": now})


async def one(pool: Pool, hold_id: str, now: str) -> Item | None:
    """Return one Hold and the owner of its account."""
    return await fetch_item(pool, ONE, {"id": hold_id, "now": now})


LAPSED = "(status = 'ACTIVE' AND coalesce(expires_at <= %(now)s, false))"
STATUS = f"CASE WHEN {LAPSED} THEN 'EXPIRED' ELSE status END"
VERSION = f"version + {LAPSED}::int"
SHAPE = f"""
id, account_id, user_id, purpose, {STATUS} AS status, read.money(amount, currency) AS amount,
read.money(captured_amount, currency) AS captured_amount,
read.money(CASE WHEN {LAPSED} THEN 0 ELSE remaining_amount END, currency) AS remaining_amount,
currency, description, reference, destination_account_id, payment_id, placed_by, expires_at,
{VERSION} AS version, inserted_at, updated_at
"""
ONE = item_query("read.holds", SHAPE, VERSION, "ARRAY[user_id::text]")
LISTING = Listing(
    name="holds",
    table="read.holds",
    shape=SHAPE,
    filters=(
        identity("account_id"),
        enum(
            "status",
            "ACTIVE",
            "CAPTURED",
            "RELEASED",
            "EXPIRED",
            reason=Reason.INVALID_STATUS,
            condition=f"{STATUS} = %(status)s",
        ),
    ),
    sorts={"inserted_at": Sort("inserted_at")},
)
