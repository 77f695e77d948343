"""The trial balance as it was: at a position, or by two clocks (proof P-4).

The totals of the last mark before a position, plus the few postings since; by two clocks also
what was booked later and counts from before.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace
from psycopg import AsyncConnection

from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.account import AccountOpened
from ledger.events.posting import PostingBooked
from ledger.money import decimal_text
from projections.log import decode_event
from projections.postings import Line
from projections.trial_balance import (
    CUSTOMERS,
    MARK_POSITIONS,
    Total,
    added,
    code_of,
    first_total,
)
from schema.postgres import Pool

Totals: TypeAlias = dict[str, Total]
Reader: TypeAlias = AsyncConnection[tuple[Any, ...]]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about: what counts until `at`, as it was known up to position `known`.

    `position` is the last one recorded by then; `at` is "" when only positions matter.
    """

    position: int
    known: int
    at: str = ""


async def moment_at(pool: Pool, at: str, known_at: str) -> Moment:
    """Return the moment of two times: when it counts, and when it was known."""
    async with pool.connection() as connection:
        position = await one(connection, POSITION_AT, (min(at, known_at),))
        known = await one(connection, POSITION_AT, (known_at,))
    return Moment(position=position, known=known, at=at)


async def moment_of(pool: Pool, position: int) -> tuple[Moment, str | None]:
    """Return the last end of a command at or before `position`, and when that was recorded.

    Refused: `invalid_position`, beyond the head.
    """
    async with pool.connection() as connection:
        head = await one(connection, HEAD, ())
        if position > head:
            raise Refused(Reason.INVALID_POSITION, parameter="at_position", head=head)
        end = await one(connection, COMMAND_END, {"position": position})
        row = await (await connection.execute(RECORDED_AT, (end,))).fetchone()
    return Moment(position=end, known=end), None if row is None else row[0]


async def totals_at(pool: Pool, moment: Moment) -> Totals:
    """Return every total of the trial balance, by code, as it was."""
    async with pool.connection() as connection:
        totals = await marked(connection, moment.position // MARK_POSITIONS)
        await add_tail(connection, totals, moment.position)
        if moment.known > moment.position:
            values = (moment.position, moment.known, moment.at)
            rows = await (await connection.execute(RESTATED, values)).fetchall()
            for (content,) in rows:
                add(totals, map(entry_of, msgspec.json.decode(content, type=list[Line])))
    return totals


async def marked(connection: Reader, bucket: int) -> Totals:
    """Return the totals at the end of the last marks before a bucket."""
    rows = await (await connection.execute(MARKED, (bucket,))).fetchall()
    return {
        row[0]: Total(
            code=row[0],
            kind=row[1],
            currency=row[2],
            accounts=row[3],
            debit_total=int(row[4]),
            credit_total=int(row[5]),
        )
        for row in rows
    }


async def add_tail(connection: Reader, totals: Totals, position: int) -> None:
    """Add what happened from the beginning of a position's bucket up to it."""
    begin = position // MARK_POSITIONS * MARK_POSITIONS
    names = [AccountOpened.stored_as, PostingBooked.stored_as]
    cursor = await connection.execute(TAIL, (begin, position, names), binary=True)
    for name, schema_version, data in await cursor.fetchall():
        match decode_event(name, schema_version, data):
            case AccountOpened(currency=currency):
                open_one(totals, currency)
            case PostingBooked(entries=entries):
                add(totals, entries)
            case _:
                raise AssertionError(f"nobody asked for a {name}")


def open_one(totals: Totals, currency: str) -> None:
    """Count one more customer's account."""
    code = f"{CUSTOMERS}:{currency}"
    total = totals.get(code) or Total(code=code, kind=CUSTOMERS, currency=currency)
    totals[code] = replace(total, accounts=total.accounts + 1)


def add(totals: Totals, entries: Iterable[Entry]) -> None:
    """Add entries to the totals they count in."""
    for entry in entries:
        code = code_of(entry)
        totals[code] = added(totals.get(code) or first_total(entry), entry.amount)


def entry_of(line: Line) -> Entry:
    """Return a kept line as the entry it was."""
    return Entry(
        entry_id=line.id,
        account_id=line.account_id,
        account_code=line.account_code,
        amount=line.amount,
        currency=line.currency,
    )


def shown(totals: Mapping[str, Total], only: str | None = None) -> list[dict[str, Any]]:
    """Return totals as the trial balance per currency (http.md §4.14), or of `only` one."""
    currencies = sorted({total.currency for total in totals.values()} if only is None else {only})
    rows = [totals[code] for code in sorted(totals)]
    by_currency = {each: [row for row in rows if row.currency == each] for each in currencies}
    return [shown_currency(each, found) for each, found in by_currency.items() if found]


def shown_currency(currency: str, rows: list[Total]) -> dict[str, Any]:
    """Return the rows of one currency with their sums."""
    debit, credit = sum(row.debit_total for row in rows), sum(row.credit_total for row in rows)
    return {
        "currency": currency,
        "rows": [
            {
                "code": row.code,
                "kind": row.kind,
                "accounts": row.accounts,
                "debit_total": decimal_text(row.debit_total, currency),
                "credit_total": decimal_text(row.credit_total, currency),
                "balance": decimal_text(row.credit_total - row.debit_total, currency),
            }
            for row in rows
        ],
        "total_debit": decimal_text(debit, currency),
        "total_credit": decimal_text(credit, currency),
        "balanced": debit == credit,
    }


async def one(connection: Reader, query: str, values: Any) -> int:
    """Return the one number that a query answers."""
    row = await (await connection.execute(query.encode(), values)).fetchone()
    assert row is not None, "a function has one answer"
    return int(row[0])


HEAD = "SELECT position FROM log.head"
POSITION_AT = "SELECT log.position_at(%s)"
RECORDED_AT = "SELECT recorded_at FROM log.events WHERE position = %s"
COMMAND_END = """
SELECT coalesce((
    SELECT CASE
        WHEN NOT EXISTS (
            SELECT FROM log.events AS following
            WHERE following.position = here.position + 1
                AND following.command_id = here.command_id
        )
        THEN here.position
        ELSE (
            SELECT earlier.position FROM log.events AS earlier
            WHERE earlier.position < here.position AND earlier.command_id <> here.command_id
            ORDER BY earlier.position DESC LIMIT 1
        )
    END
    FROM log.events AS here WHERE here.position = %(position)s
), 0)
"""
MARKED = """
SELECT mark.code, mark.kind, mark.currency, mark.accounts, mark.debit_total, mark.credit_total
FROM read.trial_balance AS total CROSS JOIN LATERAL (
    SELECT * FROM read.trial_balance_marks AS kept
    WHERE kept.code = total.code AND kept.bucket < %s
    ORDER BY kept.bucket DESC LIMIT 1
) AS mark
"""
TAIL = """
SELECT name, schema_version, data FROM log.events
WHERE position >= %b AND position <= %b AND name = ANY(%b)
ORDER BY position
"""
RESTATED = """
SELECT entries FROM read.restatements
WHERE position > %s AND position <= %s AND effective_at <= %s
"""
