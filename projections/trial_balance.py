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

CUSTOMERS = "customers"


class Total(msgspec.Struct, frozen=True, kw_only=True):
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
