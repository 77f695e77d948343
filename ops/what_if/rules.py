"""Rules of a what-if: a TOML file with a checked schema; unknown keys are refused.

[limits]                    # plain numbers in an account's own currency
single = "1000"             # one payment, transfer or hold
daily = "500"               # of a day, for types not named below
own = "ignore"              # "keep" (default): accounts with limits of their own keep them
[limits.daily_by_type]
SAVINGS = "250"

[duplicates]
window_minutes = 60         # after a payment is completed; during it always

[[fees]]                    # every one that fits is taken
on = "TRANSFER"             # the kind of posting
currency = "USD"            # any, unless given
payer = "debited"           # (default) or "credited": the customer's account
fixed = "0.25"
percent = "0.5"
at_least = "0.10"
at_most = "5.00"
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, Literal, TypeAlias

import msgspec

from ledger.money import EXPONENTS
from ledger.policies.limits import minor_units

Number: TypeAlias = str | int
"""A plain decimal number that is not negative; binary fractions are refused."""
AccountType: TypeAlias = Literal["CHECKING", "SAVINGS", "CREDIT", "INVESTMENT"]
Kind: TypeAlias = Literal["PAYMENT", "TRANSFER", "DEPOSIT", "WITHDRAWAL", "FX"]
HUNDRED = Decimal(100)


class UnusableRules(ValueError):
    """The rules cannot be read; says where and why."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other limits; None is as it was."""

    single: Number | None = None
    daily: Number | None = None
    daily_by_type: dict[AccountType, Number] = {}
    own: Literal["keep", "ignore"] = "keep"

    def single_limit(self, currency: str, own: int | None) -> int | None:
        """Return the largest single movement to judge by, in minor units."""
        if self.single is None or (own is not None and self.own == "keep"):
            return None
        return minor_units(number(self.single), currency)

    def daily_limit(self, account_type: str, currency: str, own: int | None) -> int | None:
        """Return the limit of a day to judge by, in minor units."""
        of_type = (each for kind, each in self.daily_by_type.items() if kind == account_type)
        limit = next(of_type, self.daily)
        if limit is None or (own is not None and self.own == "keep"):
            return None
        return minor_units(number(limit), currency)


class Duplicates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another rule against payments that are the same."""

    window_minutes: Annotated[int, msgspec.Meta(ge=0, le=525_600)]


class Fee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a posting costs its payer."""

    on: Kind
    currency: str | None = None
    payer: Literal["debited", "credited"] = "debited"
    fixed: Number = 0
    percent: Number = 0
    at_least: Number = 0
    at_most: Number | None = None

    def of(self, kind: str, amount: int, currency: str) -> int:
        """Return the fee of an amount, both in minor units; nothing where it does not apply."""
        if kind != self.on or self.currency not in {None, currency}:
            return 0
        share = (amount * number(self.percent) / HUNDRED).to_integral_value(ROUND_HALF_EVEN)
        fee = max(minor_units(number(self.fixed), currency) + int(share),
                  minor_units(number(self.at_least), currency))  # fmt: skip
        if self.at_most is None:
            return fee
        return min(fee, minor_units(number(self.at_most), currency))


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be other than it was."""

    limits: Limits = Limits()
    duplicates: Duplicates | None = None
    fees: tuple[Fee, ...] = ()

    def fee(self, kind: str, amount: int, currency: str, payer: str) -> int:
        """Return all that a posting costs its payer, in minor units."""
        return sum(each.of(kind, amount, currency) for each in self.fees if each.payer == payer)


def rules_in(text: bytes) -> Rules:
    """Read rules; raises `UnusableRules`."""
    try:
        rules = msgspec.toml.decode(text, type=Rules)
    except (msgspec.MsgspecError, ValueError) as wrong:
        raise UnusableRules(str(wrong)) from wrong
    for each in numbers(rules):
        number(each)
    for fee in rules.fees:
        if fee.currency is not None and fee.currency not in EXPONENTS:
            raise UnusableRules(f"nobody knows the currency {fee.currency}")
    return rules


def numbers(rules: Rules) -> list[Number]:
    """Return every number that rules contain."""
    limits = rules.limits
    of_fees = ((x.fixed, x.percent, x.at_least, x.at_most) for x in rules.fees)
    found = (limits.single, limits.daily, *limits.daily_by_type.values(), *sum(of_fees, ()))
    return [each for each in found if each is not None]


def number(value: Number) -> Decimal:
    """Read a number; raises `UnusableRules`."""
    try:
        read = Decimal(value)
    except InvalidOperation as wrong:
        raise UnusableRules(f'"{value}" is not a decimal number') from wrong
    if not read.is_finite() or read < 0:
        raise UnusableRules(f'"{value}" must be zero or more')
    return read
