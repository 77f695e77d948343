"""Looking back: accounts, payments and users as they were at a moment, in the shapes of today."""

from typing import Any

import msgspec
from msgspec.structs import replace
from psycopg import AsyncConnection

from projections import accounts, connections, payments, reconciliation, users
from projections.account_rows import Account
from projections.accounts import COLUMNS, View
from projections.items import Item, item_query
from projections.moments import Moment
from projections.page import Wanted
from projections.past import connection_at, discrepancy_at, payment_at, user_at
from projections.past_accounts import account_at, accounts_at, named
from projections.selects import Page, Values, read_page
from schema.postgres import Pool
from schema.seals import KeyEncryptionKeys


class Past(msgspec.Struct, frozen=True):
    """Where the past is read, and what opens the personal text in it."""

    pool: Pool
    keks: KeyEncryptionKeys


async def account(past: Past, account_id: str, moment: Moment, view: View) -> Item | None:
    """Return one Account as it was, and its owner."""
    async with past.pool.connection() as connection:
        found = await account_at(connection, past.keks, account_id, moment.position)
        if found is None:
            return None
        [row] = await named(connection, past.keks, [found])
        return await shaped(connection, ACCOUNT, row, view.values)


async def payment(past: Past, payment_id: str, moment: Moment) -> Item | None:
    """Return one Payment as it was, and its owner."""
    async with past.pool.connection() as connection:
        row = await payment_at(connection, past.keks, payment_id, moment.position)
        return None if row is None else await shaped(connection, PAYMENT, row, {})


async def user(past: Past, user_id: str, moment: Moment) -> Item | None:
    """Return one User as they were, whoever that is the owner."""
    async with past.pool.connection() as connection:
        row = await user_at(connection, past.keks, user_id, moment.position)
        return None if row is None else await shaped(connection, USER, row, {})


async def connection(past: Past, connection_id: str, moment: Moment) -> Item | None:
    """Return one Connection as it was, and its owner."""
    async with past.pool.connection() as opened:
        row = await connection_at(opened, past.keks, connection_id, moment.position)
        return None if row is None else await shaped(opened, CONNECTION, row, {})


async def discrepancy(past: Past, discrepancy_id: str, moment: Moment) -> Item | None:
    """Return one Discrepancy as it was; it is nobody's own."""
    async with past.pool.connection() as opened:
        row = await discrepancy_at(opened, past.keks, discrepancy_id, moment.position)
        return None if row is None else await shaped(opened, DISCREPANCY, row, {})


async def shaped(connection: AsyncConnection, query: bytes, row: Any, values: Values) -> Item:
    """Return a row as the wire shows it. The past has no version that a command could name."""
    given = {"id": row.id, "row": msgspec.json.encode(row).decode(), **values}
    shown = await (await connection.execute(query, given)).fetchone()
    assert shown is not None, "a row has a shape"
    return Item(shown[0], None, frozenset(shown[2]))


async def account_page(
    past: Past, wanted: Wanted, owner: str | None, moment: Moment, view: View
) -> Page:
    """Return the Accounts of `owner` (None: everybody's) that there were, as they were.

    What has not changed since is taken as it is now, in one reading of the database.
    """
    given = {"then": moment.recorded_at, "owner": owner}
    async with past.pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        changed = await (await connection.execute(CHANGED, given)).fetchall()
        ids = [each for (each,) in changed]
        found = await accounts_at(connection, past.keks, ids, moment.position)
        rows = await named(connection, past.keks, found)
        values = {**view.values, **given, "rows": rows_of(rows)}
        return await read_page(connection, ACCOUNTS, wanted, owner, values)


def rows_of(rows: list[Account]) -> str:
    """Return rows as JSON for the database."""
    return msgspec.json.encode(rows).decode()


LAPSED = """
FROM (
    SELECT coalesce(sum((hold.value ->> 'remaining')::bigint), 0) AS lapsed
    FROM jsonb_each(t.holds) AS hold WHERE hold.value ->> 'expires_at' <= %(now)s
) AS gone
"""
SHAPE = COLUMNS + LAPSED
ACCOUNT = item_query(
    "json_populate_record(NULL::read.accounts, %(row)s::json)",
    SHAPE,
    "NULL",
    "ARRAY[user_id::text]",
)
PAYMENT = item_query(
    "json_populate_record(NULL::read.payments, %(row)s::json)",
    payments.SHAPE,
    "NULL",
    "ARRAY[user_id::text]",
)
CONNECTION = item_query(
    "json_populate_record(NULL::read.connections, %(row)s::json)",
    connections.SHAPE,
    "NULL",
    "ARRAY[user_id::text]",
)
DISCREPANCY = item_query(
    "json_populate_record(NULL::read.reconciliation, %(row)s::json)",
    reconciliation.SHAPE,
    "NULL",
    "ARRAY[]::text[]",
)
USER = item_query(
    "json_populate_record(NULL::read.users, %(row)s::json)",
    users.SHAPE,
    "NULL",
    "ARRAY[id::text]",
)
CHANGED = """
SELECT id::text FROM read.accounts
WHERE inserted_at <= %(then)s AND updated_at >= %(then)s
    AND (%(owner)s::uuid IS NULL OR user_id = %(owner)s)
"""
THERE_WERE = """(
    SELECT * FROM read.accounts WHERE inserted_at <= %(then)s AND updated_at < %(then)s
    UNION ALL
    SELECT * FROM json_populate_recordset(NULL::read.accounts, %(rows)s::json)
) AS there_were"""
ACCOUNTS = replace(accounts.LISTING, name="past accounts", table=THERE_WERE, shape=SHAPE)
