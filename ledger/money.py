"""Money: a whole number of minor units in one ISO 4217 currency; parsed and printed exactly."""

import re

import iso4217
import msgspec
from typing_extensions import override

from ledger.errors import Reason, Refused

EXPONENTS: dict[str, int] = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None
}
"""Decimals per active code that has a minor unit (ISO 4217 list one): 0, 2, 3 or 4."""

MINOR_MAX = 2**63 - 1
AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,14})(?:\.([0-9]+))?", re.ASCII)


class Money(msgspec.Struct, frozen=True):
    """An exact amount: signed 64-bit minor units. Nothing here accepts or returns a float."""

    minor: int
    currency: str

    @override
    def __str__(self) -> str:
        return decimal_text(self.minor, self.currency)


def decimal_text(minor: int, currency: str) -> str:
    """Print minor units with exactly the decimals of `currency`: (-5, "USD") is "-0.05"."""
    exponent = EXPONENTS[currency]
    if exponent == 0:
        return str(minor)
    digits = str(abs(minor)).zfill(exponent + 1)
    return f"{'-' if minor < 0 else ''}{digits[:-exponent]}.{digits[-exponent:]}"


def parse_minor(text: object, currency: str, field: str = "amount") -> int:
    """Read a decimal string as signed minor units (http.md §1.6).

    Refused: `invalid_amount_format` (not a plain decimal string, or too many decimals),
    `amount_exceeds_limit` (out of the 64-bit range, ledger.md §1).
    """
    match = AMOUNT.fullmatch(text) if isinstance(text, str) else None
    exponent = EXPONENTS[currency]
    decimals = (match[2] or "") if match else ""
    if match is None or len(decimals) > exponent:
        raise Refused(
            Reason.INVALID_AMOUNT_FORMAT, field=field, currency=currency, max_decimals=exponent
        )
    minor = int(match[1] + decimals.ljust(exponent, "0"))
    if minor > MINOR_MAX:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, field=field, currency=currency)
    return -minor if match[0].startswith("-") else minor


def parse_positive(text: object, currency: str, smallest: int = 1, field: str = "amount") -> int:
    """Read a decimal string as minor units > 0 (http.md §1.6, the row "money, value").

    Refused: `invalid_amount_format`, `negative_amount` (zero or less), `amount_too_small`
    (below one minor unit, or below `smallest` minor units).
    """
    match = AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Refused(Reason.INVALID_AMOUNT_FORMAT, field=field, currency=currency)
    nothing = not (match[1] + (match[2] or "")).strip("0")
    if nothing or match[0].startswith("-"):
        raise Refused(Reason.NEGATIVE_AMOUNT, field=field)
    exponent = EXPONENTS[currency]
    if not (match[1] + (match[2] or "")[:exponent]).strip("0"):
        raise Refused(Reason.AMOUNT_TOO_SMALL, field=field, currency=currency)
    minor = parse_minor(text, currency, field)
    if minor < smallest:
        raise Refused(Reason.AMOUNT_TOO_SMALL, field=field, currency=currency)
    return minor
