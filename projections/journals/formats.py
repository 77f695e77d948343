"""The formats of journals: hledger, beancount, and a table.

Accountants write debits as positive and credits as negative amounts, and what the house owes its
customers is a liability: all signs are turned. No format carries a word that people wrote, so that
a journal stays whole when a person is erased.
"""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Protocol

from ledger.money import decimal_text
from projections.journals.source import Booked, Extent, Opened
from projections.postings import Line

ROOTS = {
    "clearing": "Assets:Clearing",
    "fx": "Assets:Fx",
    "opening": "Equity:Opening",
    "fees": "Income:Fees",
}
CUSTOMERS = "Liabilities:Customers"
COLUMNS = (
    "date",
    "booked_at",
    "position",
    "posting_id",
    "kind",
    "entry_id",
    "account",
    "account_id",
    "account_code",
    "currency",
    "debit",
    "credit",
)


class Format(Protocol):
    """How a journal is written; one is made for each journal, and told everything in order."""

    content_type: str
    ending: str

    def head(self, extent: Extent | None) -> str:
        """Return what comes first."""

    def account(self, opened: Opened) -> str:
        """Return what declares a customer's account."""

    def posting(self, booked: Booked) -> str:
        """Return a posting, and whatever has to be declared before it."""


class Hledger:
    """Plain text for hledger, and for ledger as well."""

    content_type, ending = "text/plain", "journal"

    def head(self, extent: Extent | None) -> str:
        return f"; {title(extent)}\ndecimal-mark .\n\n"

    def account(self, opened: Opened) -> str:
        return f"account {customer(opened.id, opened.currency)}\n"

    def posting(self, booked: Booked) -> str:
        tags = f"posting:{booked.id}, position:{booked.position}, booked_at:{booked.booked_at}"
        lines = "".join(f"    {account_of(each)}  {amount_of(each)}\n" for each in booked.entries)
        return f"\n{booked.booked_at[:10]} * {booked.kind}  ; {tags}\n{lines}"


class Beancount:
    """Plain text for beancount, where every account is opened before it is used."""

    content_type, ending = "text/plain", "beancount"

    def __init__(self) -> None:
        self.opened: set[str] = set()

    def head(self, extent: Extent | None) -> str:
        return f'; {title(extent)}\noption "title" "LedgerBank"\n\n'

    def account(self, opened: Opened) -> str:
        return opening(opened.opened_at, customer(opened.id, opened.currency), opened.currency)

    def posting(self, booked: Booked) -> str:
        day = booked.booked_at[:10]
        facts = f'  position: {booked.position}\n  booked_at: "{booked.booked_at}"\n'
        lines = "".join(f"  {account_of(each)}  {amount_of(each)}\n" for each in booked.entries)
        return f'{self.first_used(booked)}\n{day} * "{booked.kind}" ^{booked.id}\n{facts}{lines}'

    def first_used(self, booked: Booked) -> str:
        """Open the accounts of the house that come into being with this posting."""
        new = {
            account_of(each): each.currency
            for each in booked.entries
            if each.account_code is not None and each.account_code not in self.opened
        }
        self.opened.update(each.account_code for each in booked.entries if each.account_code)
        return "".join(opening(booked.booked_at, *each) for each in new.items())


class Table:
    """RFC 4180: one line per entry."""

    content_type, ending = "text/csv", "csv"

    def head(self, _: Extent | None) -> str:
        return table([COLUMNS])

    def account(self, _: Opened) -> str:
        return ""

    def posting(self, booked: Booked) -> str:
        return table(
            (
                booked.booked_at[:10],
                booked.booked_at,
                str(booked.position),
                booked.id,
                booked.kind,
                each.id,
                account_of(each),
                each.account_id or "",
                each.account_code or "",
                each.currency,
                decimal_text(max(-each.amount, 0), each.currency),
                decimal_text(max(each.amount, 0), each.currency),
            )
            for each in booked.entries
        )


FORMATS: dict[str, type[Format]] = {"hledger": Hledger, "beancount": Beancount, "csv": Table}


def title(extent: Extent | None) -> str:
    """Say what this is and how far it goes."""
    reach = "nothing" if extent is None else f"{extent.at}, position {extent.position}"
    return f"LedgerBank: the whole ledger up to {reach}"


def opening(at: str, account: str, currency: str) -> str:
    """Open an account for beancount."""
    return f"{at[:10]} open {account} {currency}\n"


def account_of(entry: Line) -> str:
    """Name the account of an entry."""
    if entry.account_id is not None:
        return customer(entry.account_id, entry.currency)
    kind, *rest = (entry.account_code or "").split(":")
    return ":".join((ROOTS[kind], *map(component, rest)))


def customer(account_id: str, currency: str) -> str:
    """Name a customer's account; in capitals, as names of accounts begin."""
    return f"{CUSTOMERS}:{currency}:{account_id.upper()}"


def component(name: str) -> str:
    """Return part of a code as beancount allows it: different codes stay different."""
    allowed = name.replace("_", "-")
    return f"Code{allowed}" if allowed.startswith("-") else allowed


def amount_of(entry: Line) -> str:
    """Return an amount with the sign that accountants give it."""
    return f"{decimal_text(-entry.amount, entry.currency)} {entry.currency}"


def table(cells: Iterable[Iterable[str]]) -> str:
    """Return rows as they stand in the file."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(cells)
    return text.getvalue()
