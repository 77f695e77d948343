"""Limits: plain numbers in an account's own currency, as its minor units (ledger.md §5.1)."""

from decimal import Decimal
from functools import cache

import msgspec

from ledger.money import EXPONENTS, MINOR_MAX


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decisions depend on; every process of a deployment has the same."""

    daily_limits: dict[str, Decimal]
    daily_limit_default: Decimal
    single_limit: Decimal
    amount_min: Decimal = Decimal(0)
    duplicate_window_seconds: int = 300
    detect_duplicates: bool = True
    webhook_dedupe_days: int = 30

    def daily(self, account_type: str, currency: str) -> int:
        """Return the daily limit of an account without an override, in minor units."""
        return minor_units(self.daily_limits.get(account_type, self.daily_limit_default), currency)

    def single(self, currency: str) -> int:
        """Return the largest single movement of an account without an override, in minor units."""
        return minor_units(self.single_limit, currency)

    def smallest(self, currency: str) -> int:
        """Return the smallest amount that may move: one minor unit, or the setting when larger."""
        return max(1, minor_units(self.amount_min, currency))


@cache
def minor_units(limit: Decimal, currency: str) -> int:
    """Return `limit` as whole minor units that money can have; a fraction does not count."""
    return min(int(limit.scaleb(EXPONENTS[currency])), MINOR_MAX)
