"""Exchange: what money is worth in another currency, exactly (ledger.md §7). The only rounding.

A rate says how many units of the destination one unit of the source is worth. Everything is
worked out in whole numbers and rounded once, half to even, to the minor unit of what is computed.
"""

from decimal import Decimal

import msgspec

from ledger.errors import Reason, Refused
from ledger.money import EXPONENTS, MINOR_MAX

RATE_DECIMALS_MAX = 10
RATE_SCALE = 10**RATE_DECIMALS_MAX


class RateTable(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of `base` was worth at `as_of`, by currency; `source` says who told so."""

    base: str
    source: str
    as_of: str
    rates: dict[str, Decimal]

    def rate(self, source: str, destination: str) -> Decimal | None:
        """Return the rate between two currencies, crossed through the base; None when unknown."""
        one, other = self.worth(source), self.worth(destination)
        if one is None or other is None or source == destination:
            return None
        (above, below), (parts, whole) = other.as_integer_ratio(), one.as_integer_ratio()
        scaled = rounded(above * whole * RATE_SCALE, below * parts)
        return Decimal(scaled).scaleb(-RATE_DECIMALS_MAX) if scaled else None

    def worth(self, currency: str) -> Decimal | None:
        """Return what one unit of the base is worth in a currency."""
        return Decimal(1) if currency == self.base else self.rates.get(currency)


def rounded(above: int, below: int) -> int:
    """Return `above` divided by `below`, both positive, rounded half to even."""
    whole, rest = divmod(above, below)
    twice = 2 * rest
    return whole + (twice > below or (twice == below and whole % 2 == 1))


def exchanged(minor: int, source: str, destination: str, rate: Decimal) -> int:
    """Return what `minor` units of `source` buy of `destination`, in its minor units."""
    above, below = rate.as_integer_ratio()
    return rounded(minor * above * 10 ** EXPONENTS[destination], below * 10 ** EXPONENTS[source])


def paid_for(minor: int, source: str, destination: str, rate: Decimal) -> int:
    """Return what `minor` units of `destination` cost of `source`, in its minor units."""
    above, below = rate.as_integer_ratio()
    return rounded(minor * below * 10 ** EXPONENTS[source], above * 10 ** EXPONENTS[destination])


def refuse_unbookable(minor: int, smallest: int, field: str) -> None:
    """Refuse an amount that rounding made too small to move, or that leaves the 64-bit range."""
    if minor < smallest:
        raise Refused(Reason.AMOUNT_TOO_SMALL, field=field)
    if minor > MINOR_MAX:
        raise Refused(Reason.AMOUNT_EXCEEDS_LIMIT, field=field)


def rate_text(rate: Decimal) -> str:
    """Print a rate without exponent and without idle zeros."""
    return format(rate.normalize(), "f")
