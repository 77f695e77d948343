"""Limits: plain numbers in an account's own currency (ledger.md §5.1)."""

from decimal import Decimal

import msgspec

from ledger.money import MINOR_MAX
from tests.builders import RULES


def test_a_limit_is_a_plain_number_in_the_accounts_own_currency() -> None:
    assert [RULES.single(each) for each in ("JPY", "USD", "BHD")] == [800, 80_000, 800_000]


def test_the_daily_limit_is_of_the_account_type_or_the_default() -> None:
    assert RULES.daily("CHECKING", "USD") == 100_000
    assert RULES.daily("CREDIT", "USD") == 50_000
    assert RULES.daily("SAVINGS", "USD") == 200_000


def test_the_smallest_amount_is_one_minor_unit_or_the_setting_when_larger() -> None:
    assert RULES.smallest("USD") == 1
    set_higher = msgspec.structs.replace(RULES, amount_min=Decimal("0.50"))
    assert set_higher.smallest("USD") == 50
    assert set_higher.smallest("JPY") == 1


def test_a_fraction_below_a_minor_unit_does_not_count() -> None:
    odd = msgspec.structs.replace(RULES, single_limit=Decimal("10.999"))
    assert [odd.single(each) for each in ("JPY", "USD", "BHD")] == [10, 1_099, 10_999]


def test_no_limit_is_more_than_money_can_be() -> None:
    endless = msgspec.structs.replace(RULES, single_limit=Decimal(10**30))
    assert endless.single("CLF") == MINOR_MAX
