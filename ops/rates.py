"""Rates of exchange: the built-in table, a table in a file, or the European Central Bank's file.

A file that changes is read again; one that cannot be read leaves the last good table in place.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from time import monotonic
from typing import TypeAlias
from xml.parsers import expat  # its own traps are closed below: no document types

import msgspec
import structlog

from api.rates import Rates
from ledger.money import EXPONENTS
from ledger.policies.exchange import RateTable
from ledger.times import utc_text
from ops.settings import Settings, SettingsRefused

log = structlog.get_logger()

LOOK_SECONDS = 1.0
BYTES_MAX = 1_000_000
EURO, ECB, STATIC = "EUR", "ecb", "static"
Read: TypeAlias = Callable[[bytes], RateTable]


class Unreadable(Exception):
    """The file is not a table of rates; the message says why."""


class Told(msgspec.Struct, frozen=True):
    """A table as people write it down: `{"base": "EUR", "as_of": "…", "rates": {"USD": "1.0"}}`."""

    base: str
    as_of: str
    rates: dict[str, Decimal]


class RatesFile:
    """A file of rates that may be replaced at any time."""

    def __init__(self, path: Path, read: Read) -> None:
        self.path, self.read = path, read
        self.seen = self.look()
        self.table = read(contents(path))
        self.looked_at = monotonic()

    def look(self) -> tuple[int, int]:
        """Return what changes when the file does. Raises `Unreadable`."""
        try:
            found = self.path.stat()
        except OSError as failure:
            raise Unreadable(f"cannot be read: {failure.strerror}") from failure
        return found.st_mtime_ns, found.st_size

    def current(self) -> RateTable:
        """Return the table, read again if the file has changed."""
        if monotonic() - self.looked_at < LOOK_SECONDS:
            return self.table
        self.looked_at = monotonic()
        try:
            seen = self.look()
            if seen != self.seen:
                self.seen, self.table = seen, self.read(contents(self.path))
                log.info("rates.read", source=self.table.source, as_of=self.table.as_of)
        except Unreadable as failure:
            log.warning("rates.unreadable", error=str(failure))
        return self.table


def rates_of(settings: Settings) -> Rates:
    """Return the rates of this deployment. Raises `SettingsRefused`."""
    money = settings.money
    read = read_ecb if money.fx_rates_source == ECB else read_static
    if money.fx_rates_file is None:
        return Rates(lambda: BUILT_IN, money.fx_quote_ttl_seconds)
    try:
        file = RatesFile(money.fx_rates_file, read)
    except Unreadable as failure:
        raise SettingsRefused([f"FX_RATES_FILE {failure}"]) from failure
    return Rates(file.current, money.fx_quote_ttl_seconds)


def contents(path: Path) -> bytes:
    """Read a file of reasonable size. Raises `Unreadable`."""
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as failure:
        raise Unreadable(f"cannot be read: {failure.strerror}") from failure
    if len(content) > BYTES_MAX:
        raise Unreadable(f"is longer than {BYTES_MAX} bytes")
    return content


def read_static(content: bytes) -> RateTable:
    """Read a table in JSON. Raises `Unreadable`."""
    try:
        told = msgspec.json.decode(content, type=Told)
    except msgspec.DecodeError as failure:
        raise Unreadable(f"is no table of rates: {failure}") from failure
    return checked(told, STATIC)


def read_ecb(content: bytes) -> RateTable:
    """Read `eurofxref-daily.xml` as the bank publishes it. Raises `Unreadable`."""
    days, rates = list[str](), dict[str, Decimal]()

    def element(name: str, attributes: dict[str, str]) -> None:
        if name != "Cube":
            return
        if "time" in attributes:
            days.append(attributes["time"])
        if "currency" in attributes:
            rates[attributes["currency"]] = decimal(attributes.get("rate", ""))

    def document_type(*_: object) -> None:
        raise Unreadable("has a document type, which no table of rates needs")

    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = document_type
    try:
        parser.Parse(content, True)  # noqa: FBT003  # the parser's own word for the last part
    except expat.ExpatError as failure:
        raise Unreadable(f"is no XML: {failure}") from failure
    if len(days) != 1:
        raise Unreadable("is not about one day")
    return checked(Told(EURO, f"{days[0]}T00:00:00.000000Z", rates), ECB)


def decimal(text: str) -> Decimal:
    """Read one rate. Raises `Unreadable`."""
    try:
        return Decimal(text)
    except InvalidOperation as failure:
        raise Unreadable(f"has a rate {text!r}") from failure


def checked(told: Told, source: str) -> RateTable:
    """Return a table of currencies that can be held, every rate above zero. Raises `Unreadable`."""
    known = {code: rate for code, rate in told.rates.items() if code in EXPONENTS}
    wrong = [code for code, rate in known.items() if not (rate.is_finite() and rate > 0)]
    if wrong or not known or told.base not in EXPONENTS:
        raise Unreadable(f"has no usable rate for {', '.join(wrong) or 'any currency'}")
    return RateTable(base=told.base, source=source, as_of=moment(told.as_of), rates=known)


def moment(text: str) -> str:
    """Return a time with its offset as the product writes it. Raises `Unreadable`."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError as failure:
        raise Unreadable(f"is of no known time: {text!r}") from failure
    if told.tzinfo is None:
        raise Unreadable(f"does not say in which zone {text!r} is")
    return utc_text(told)


BUILT_IN = RateTable(
    base=EURO,
    source=STATIC,
    as_of="2025-03-03T00:00:00.000000Z",
    rates={
        code: Decimal(rate)
        for code, rate in {
            "AUD": "1.6845", "BHD": "0.3946", "BRL": "6.1579", "CAD": "1.5119",
            "CHF": "0.9419", "CLF": "0.0262", "CNY": "7.6332", "CZK": "25.048", "DKK": "7.4586",
            "GBP": "0.82525", "HKD": "8.1382", "HUF": "399.15", "IDR": "17219.06",
            "ILS": "3.7602", "INR": "91.4360", "ISK": "145.70", "JPY": "157.09", "KRW": "1527.20",
            "KWD": "0.3229", "MXN": "21.5021", "MYR": "4.6680", "NOK": "11.7625", "NZD": "1.8661",
            "PHP": "60.530", "PLN": "4.1673", "RON": "4.9767", "SEK": "11.0105", "SGD": "1.4098",
            "THB": "35.706", "TND": "3.2870", "TRY": "38.1615", "USD": "1.0465", "ZAR": "19.4402",
        }.items()
    },
)  # fmt: skip
"""For demonstrations and tests: plausible on that day, and wrong on any other."""
