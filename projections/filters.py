"""Filters of lists: how a parameter is read, and what it asks of the rows (http.md §1.12)."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

import msgspec

from ledger.errors import Reason, Refused
from ledger.money import AMOUNT, EXPONENTS
from ledger.times import utc_text

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
COUNTRY = re.compile(r"[A-Z]{2,3}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
TEXT_LENGTH_MAX = 100


class Filter(msgspec.Struct, frozen=True):
    """One parameter. `condition` is SQL that names the value read as `%(name)s`.

    Several conditions are alternatives, each of which has an index of its own.
    """

    name: str
    read: Callable[[str], Any]
    condition: tuple[str, ...]


def enum(name: str, *members: str, reason: Reason, condition: str | None = None) -> Filter:
    """Accept one of a few words in any letter case."""
    folded = {member.casefold(): member for member in members}

    def read(value: str) -> str:
        found = folded.get(value.strip().casefold())
        if found is None:
            raise Refused(reason, field=name, allowed=list(members))
        return found

    return Filter(name, read, (condition or f"{name} = %({name})s",))


def identity(name: str, *columns: str) -> Filter:
    """Accept an id, to be found in one of `columns`."""

    def read(value: str) -> str:
        if not UUID.fullmatch(value.strip()):
            raise Refused(Reason.INVALID_UUID_FORMAT, field=name)
        return value.strip().lower()

    return Filter(name, read, tuple(f"{column} = %({name})s" for column in columns or (name,)))


def currency() -> Filter:
    """Accept an active ISO 4217 code."""

    def read(value: str) -> str:
        if value.strip() not in EXPONENTS:
            raise Refused(Reason.INVALID_CURRENCY_FORMAT, field="currency")
        return value.strip()

    return Filter("currency", read, ("currency = %(currency)s",))


def country() -> Filter:
    """Accept a country code in any letter case."""

    def read(value: str) -> str:
        code = value.strip().upper()
        if not COUNTRY.fullmatch(code):
            raise Refused(Reason.INVALID_COUNTRY_FORMAT, field="country")
        return code

    return Filter("country", read, ("country = %(country)s",))


def flag(name: str, condition: str) -> Filter:
    """Accept `true` or `false`: whether `condition` holds."""

    def read(value: str) -> bool:
        if value not in {"true", "false"}:
            raise Refused(Reason.INVALID_FIELD_VALUE, field=name, allowed=["true", "false"])
        return value == "true"

    return Filter(name, read, (f"({condition}) = %({name})s",))


def text(name: str, condition: str) -> Filter:
    """Accept up to 100 characters."""

    def read(value: str) -> str:
        trimmed = value.strip()
        if not trimmed or len(trimmed) > TEXT_LENGTH_MAX or "\0" in trimmed:
            expected = f"text of 1 to {TEXT_LENGTH_MAX} characters"
            raise Refused(Reason.INVALID_FIELD_VALUE, field=name, expected=expected)
        return trimmed

    return Filter(name, read, (condition,))


def address(name: str = "email") -> Filter:
    """Accept an e-mail address, to be met exactly but for letter case."""

    def read(value: str) -> str:
        return value.strip().lower()

    return Filter(name, read, (f"{name} = %({name})s",))


def dates(column: str) -> tuple[Filter, Filter]:
    """Accept `date_from` and `date_to`, both inclusive."""
    return (
        Filter("date_from", moment("date_from"), (f"{column} >= %(date_from)s",)),
        Filter("date_to", moment("date_to"), (f"{column} <= %(date_to)s",)),
    )


def moment(name: str) -> Callable[[str], str]:
    """Return what reads an RFC 3339 date-time with its offset."""

    def read(value: str) -> str:
        told = value.strip().upper()
        if not TIMESTAMP.fullmatch(told):
            raise Refused(Reason.INVALID_DATETIME_FORMAT, field=name)
        try:
            return utc_text(datetime.fromisoformat(told))
        except (ValueError, OverflowError) as error:
            raise Refused(Reason.INVALID_DATETIME_FORMAT, field=name) from error

    return read


def amounts() -> tuple[Filter, Filter]:
    """Accept `amount_min` and `amount_max`, both inclusive, in whole units of each currency."""
    value = "read.amount(amount, currency)"
    return (
        Filter("amount_min", decimal("amount_min"), (f"{value} >= %(amount_min)s",)),
        Filter("amount_max", decimal("amount_max"), (f"{value} <= %(amount_max)s",)),
    )


def decimal(name: str) -> Callable[[str], Decimal]:
    """Return what reads a decimal amount."""

    def read(value: str) -> Decimal:
        if not AMOUNT.fullmatch(value):
            raise Refused(Reason.INVALID_AMOUNT_FORMAT, field=name)
        return Decimal(value)

    return read


def network_address(name: str) -> Filter:
    """Accept an IP address in any of its spellings."""

    def read(value: str) -> str:
        try:
            return ip_address(value.strip()).compressed
        except ValueError as error:
            expected = "an IP address"
            raise Refused(Reason.INVALID_FIELD_VALUE, field=name, expected=expected) from error

    return Filter(name, read, (f"{name} = %({name})s",))


SEARCH = text("q", "strpos(lower(description), lower(%(q)s)) > 0")
"""A substring of the description, in any letter case."""


def day_or_moment(name: str, time_of_day: str) -> Callable[[str], str]:
    """Return what reads a time, or a whole UTC day (`yyyy-mm-dd`) as its `time_of_day`."""
    exactly = moment(name)

    def read(value: str) -> str:
        return exactly(f"{value.strip()}T{time_of_day}Z" if DAY.fullmatch(value.strip()) else value)

    return read


RANGES = (
    ("from", "to", Reason.INVALID_DATE_RANGE),
    ("date_from", "date_to", Reason.INVALID_DATE_RANGE),
    ("amount_min", "amount_max", Reason.INVALID_AMOUNT_RANGE),
)
