"""Rates: where the routes about currencies get today's table from, and how long a quote lasts."""

from collections.abc import Callable

import msgspec

from ledger.policies.exchange import RateTable


class Rates(msgspec.Struct, frozen=True):
    """`current` returns the table of this moment; a quote is open for `quote_seconds`."""

    current: Callable[[], RateTable]
    quote_seconds: int = 30
