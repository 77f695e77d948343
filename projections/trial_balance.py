"""Trial balance: what every account of the house has taken in and given out (ledger.md §8)."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ledger.entries import Entry
from ledger.events.account import AccountOpened
from ledger.events.posting import PostingBooked
from projections.log import Logged
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from schema.postgres import Pool

CUSTOMERS = "customers"


class Total(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The sums of one system account, or of all customers' accounts of one currency."""

    code: str
    kind: str
    currency: str
    accounts: int = 0
    debit_total: int = 0
    credit_total: int = 0


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a total was at the end of `bucket`: the positions with p // MARK_POSITIONS = bucket."""

    id: str
    code: str
    kind: str
    currency: str
    bucket: int
    accounts: int
    debit_total: int
    credit_total: int


TOTAL = Table("trial_balance", Total, key_type="text")
MARK = Table("trial_balance_marks", Mark, key_type="text", kept=False)
MARK_POSITIONS = 1_000


def opened(fold: Fold, logged: Logged[AccountOpened]) -> None:
    totals = fold.rows.of(TOTAL)
    currency = logged.event.currency
    code = f"{CUSTOMERS}:{currency}"
    total = totals.find(code) or Total(code=code, kind=CUSTOMERS, currency=currency)
    keep(fold, replace(total, accounts=total.accounts + 1), logged.position)


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    totals = fold.rows.of(TOTAL)
    for entry in logged.event.entries:
        total = totals.find(code_of(entry)) or first_total(entry)
        keep(fold, added(total, entry.amount), logged.position)


def keep(fold: Fold, total: Total, position: int) -> None:
    """Keep a total of now, and as the last one so far of its bucket."""
    bucket = position // MARK_POSITIONS
    fold.rows.of(TOTAL).put(total)
    mark = Mark(
        id=mark_key(total.code, bucket),
        code=total.code,
        kind=total.kind,
        currency=total.currency,
        bucket=bucket,
        accounts=total.accounts,
        debit_total=total.debit_total,
        credit_total=total.credit_total,
    )
    fold.rows.of(MARK).put(mark)


def added(total: Total, amount: int) -> Total:
    """Return a total with one more signed amount in it."""
    if amount < 0:
        return replace(total, debit_total=total.debit_total - amount)
    return replace(total, credit_total=total.credit_total + amount)


def mark_key(code: str, bucket: int) -> str:
    """Return the key of a mark."""
    return f"{code}@{bucket}"


def code_of(entry: Entry) -> str:
    """Return the row an entry counts in."""
    return entry.account_code or f"{CUSTOMERS}:{entry.currency}"


def first_total(entry: Entry) -> Total:
    """Return the row of a system account that comes into being with its first entry."""
    code = code_of(entry)
    return Total(code=code, kind=code.partition(":")[0], currency=entry.currency, accounts=1)


def customers_of(logged: Logged[AccountOpened]) -> Iterable[Key]:
    """Name the rows of all customers' accounts of a currency."""
    return rows_of(f"{CUSTOMERS}:{logged.event.currency}", logged.position)


def totals_of(logged: Logged[PostingBooked]) -> Iterable[Key]:
    """Name the rows that the entries of a posting count in."""
    for entry in logged.event.entries:
        yield from rows_of(code_of(entry), logged.position)


def rows_of(code: str, position: int) -> tuple[Key, Key]:
    """Name the total of a code and its mark."""
    return (TOTAL, code), (MARK, mark_key(code, position // MARK_POSITIONS))


PROJECTOR = Projector(
    "trial_balance",
    (TOTAL, MARK),
    {AccountOpened: On(opened, customers_of), PostingBooked: On(booked, totals_of)},
)


async def chart(pool: Pool) -> bytes:
    """Return the chart of accounts as a JSON array: code, kind, currency, accounts."""
    async with pool.connection() as connection:
        row = await (await connection.execute(CHART)).fetchone()
    assert row is not None, "an aggregate has one row"
    content: bytes = row[0]
    return content


async def per_currency(pool: Pool, only: str | None = None) -> bytes:
    """Return the trial balance as a JSON array by currency (http.md §4.14), or of `only` one."""
    async with pool.connection() as connection:
        row = await (await connection.execute(PER_CURRENCY, {"currency": only})).fetchone()
    assert row is not None, "an aggregate has one row"
    content: bytes = row[0]
    return content


CHART = """
SELECT coalesce(json_agg(json_build_object(
    'code', code, 'kind', kind, 'currency', currency, 'accounts', accounts
) ORDER BY currency, code), '[]')
FROM read.trial_balance
"""
PER_CURRENCY = """
SELECT coalesce(json_agg(to_json(shape) ORDER BY shape.currency), '[]')
FROM (
    SELECT currency,
        json_agg(json_build_object(
            'code', code,
            'kind', kind,
            'accounts', accounts,
            'debit_total', read.money(debit_total, currency),
            'credit_total', read.money(credit_total, currency),
            'balance', read.money(credit_total - debit_total, currency)
        ) ORDER BY code) AS rows,
        read.money(sum(debit_total), currency) AS total_debit,
        read.money(sum(credit_total), currency) AS total_credit,
        sum(debit_total) = sum(credit_total) AS balanced
    FROM read.trial_balance
    WHERE %(currency)s::text IS NULL OR currency = %(currency)s::text
    GROUP BY currency
) AS shape
"""
