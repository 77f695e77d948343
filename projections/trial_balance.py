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


TOTAL = Table("trial_balance", Total, key_type="text")


def opened(fold: Fold, logged: Logged[AccountOpened]) -> None:
    totals = fold.rows.of(TOTAL)
    currency = logged.event.currency
    code = f"{CUSTOMERS}:{currency}"
    total = totals.find(code) or Total(code=code, kind=CUSTOMERS, currency=currency)
    totals.put(replace(total, accounts=total.accounts + 1))


def booked(fold: Fold, logged: Logged[PostingBooked]) -> None:
    totals = fold.rows.of(TOTAL)
    for entry in logged.event.entries:
        total = totals.find(code_of(entry)) or first_total(entry)
        if entry.amount < 0:
            totals.put(replace(total, debit_total=total.debit_total - entry.amount))
        else:
            totals.put(replace(total, credit_total=total.credit_total + entry.amount))


def code_of(entry: Entry) -> str:
    """Return the row an entry counts in."""
    return entry.account_code or f"{CUSTOMERS}:{entry.currency}"


def first_total(entry: Entry) -> Total:
    """Return the row of a system account that comes into being with its first entry."""
    code = code_of(entry)
    return Total(code=code, kind=code.partition(":")[0], currency=entry.currency, accounts=1)


def customers_of(logged: Logged[AccountOpened]) -> Iterable[Key]:
    """Name the row of all customers' accounts of a currency."""
    return ((TOTAL, f"{CUSTOMERS}:{logged.event.currency}"),)


def totals_of(logged: Logged[PostingBooked]) -> Iterable[Key]:
    """Name the rows that the entries of a posting count in."""
    return ((TOTAL, code_of(entry)) for entry in logged.event.entries)


PROJECTOR = Projector(
    "trial_balance",
    (TOTAL,),
    {AccountOpened: On(opened, customers_of), PostingBooked: On(booked, totals_of)},
)


async def per_currency(pool: Pool, only: str | None = None) -> bytes:
    """Return the trial balance as a JSON array by currency (http.md §4.14), or of `only` one."""
    async with pool.connection() as connection:
        row = await (await connection.execute(PER_CURRENCY, {"currency": only})).fetchone()
    assert row is not None, "an aggregate has one row"
    content: bytes = row[0]
    return content


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
