"""Statements as a table: RFC 4180, safe to open in a spreadsheet (ledger.md §9)."""

import csv
from collections.abc import Iterable
from io import StringIO

from ledger.money import decimal_text
from projections.statements import Line

COLUMNS = (
    "booked_at",
    "transaction_id",
    "type",
    "direction",
    "amount",
    "currency",
    "balance_after",
    "description",
    "reference",
    "posting_id",
)
FORMULA = ("=", "+", "-", "@")
"""How a text begins that a spreadsheet would compute."""


def header() -> bytes:
    """Return the first line."""
    return table([COLUMNS])


def rows(lines: Iterable[Line], currency: str) -> bytes:
    """Return a line per entry."""
    return table(
        (
            line.booked_at,
            line.id,
            line.type,
            line.direction,
            decimal_text(line.amount, currency),
            currency,
            decimal_text(line.balance_after, currency),
            defused(line.description),
            defused(line.reference),
            line.posting_id,
        )
        for line in lines
    )


def table(cells: Iterable[Iterable[str]]) -> bytes:
    """Return rows as they stand in the file."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(cells)
    return text.getvalue().encode()


def defused(text: str | None) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(FORMULA) else text or ""
