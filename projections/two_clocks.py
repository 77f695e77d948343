"""Two clocks: what an account held at one time, as far as it was known at another (proof.md P-4).

An entry counts from its effective time on, and is known from when it was recorded; only entries
that were booked with an earlier effective time make a difference. Holds and limits have one time.
"""

from typing import Any

import msgspec
from psycopg import AsyncConnection

from ledger.events.account import AccountCredited, AccountDebited
from ledger.money import decimal_text
from projections.account_rows import Account, decode_holds
from projections.items import Item
from projections.log import decode_event
from projections.looking_back import Past
from projections.moments import Moment
from projections.past_accounts import account_at


async def holdings(past: Past, account_id: str, at: Moment, known: Moment) -> Item | None:
    """Return what an account held by the effective time of `at`, as known at `known`.

    None when it was not known then.
    """
    async with past.pool.connection() as connection:
        told = await account_at(connection, past.keks, account_id, known.position)
        if told is None:
            return None
        then: Account | None = told
        late = 0
        if at.position < known.position:
            then = await account_at(connection, past.keks, account_id, at.position)
            late = await told_later(connection, account_id, at, known)
    return Item(shown(told, then, late, at, known), None, frozenset({told.user_id}))


async def told_later(
    connection: AsyncConnection, account_id: str, at: Moment, known: Moment
) -> int:
    """Sum the entries (minor units) that counted by `at` and were recorded after it."""
    values = (f"account-{account_id}", at.position, known.position, at.at)
    rows = await (await connection.execute(BACKDATED, values, binary=True)).fetchall()
    total = 0
    for name, schema_version, data in rows:
        match decode_event(name, schema_version, data):
            case AccountCredited(amount=amount):
                total += amount
            case AccountDebited(amount=amount):
                total -= amount
            case _:
                pass
    return total


def shown(told: Account, then: Account | None, late: int, at: Moment, known: Moment) -> bytes:
    """Return the shape of a balance (http.md §4.9); an account not opened by then had nothing."""
    held, credit_limit, balance = 0, 0, late
    if then is not None:
        balance += then.balance
        held, credit_limit = then.held - lapsed(then, at.at), then.credit_limit
    available = balance - held + credit_limit
    amounts = {
        "balance": balance, "held": held, "available": available, "credit_limit": credit_limit,
    }  # fmt: skip
    data: dict[str, Any] = {
        "account_id": told.id,
        "currency": told.currency,
        **{name: decimal_text(minor, told.currency) for name, minor in amounts.items()},
        "as_of": at.at,
        "position": known.position,
    }
    return msgspec.json.encode(data)


def lapsed(account: Account, now: str) -> int:
    """Sum what holds no longer kept back because their time was over."""
    promises = decode_holds(account.holds).values()
    return sum(
        each.remaining
        for each in promises
        if each.expires_at is not None and each.expires_at <= now
    )


BACKDATED = """
SELECT name, schema_version, data FROM log.events
WHERE stream_id = %s AND position > %s AND position <= %s
    AND effective_at <> recorded_at AND effective_at <= %s
"""
