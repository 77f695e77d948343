"""Money: read and printed exactly, refused with the documented reason (http.md §1.6, AC-17)."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import Reason, Refused
from ledger.money import (
    EXPONENTS,
    MINOR_MAX,
    Money,
    decimal_text,
    parse_minor,
    parse_positive,
)
from tests.strategies import currencies, minors

INTEGER_DIGITS = 15


def refusal(text: object, currency: str = "USD", smallest: int = 1) -> Reason:
    with pytest.raises(Refused) as refused:
        parse_positive(text, currency, smallest)
    assert refused.value.details["field"] == "amount"
    return refused.value.reason


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0.01", "USD", 1),
        ("100", "USD", 10_000),
        ("100.5", "USD", 10_050),
        ("100", "JPY", 100),
        ("0.001", "BHD", 1),
        ("0.0001", "CLF", 1),
        ("999999999999999.99", "USD", 99_999_999_999_999_999),
        ("922337203685477.5807", "CLF", MINOR_MAX),
    ],
)
def test_a_plain_decimal_is_read(text: str, currency: str, minor: int) -> None:
    assert minor == parse_positive(text, currency)


def test_fewer_decimals_come_back_as_the_currency_has_them() -> None:
    assert decimal_text(parse_positive("100.5", "USD"), "USD") == "100.50"
    assert str(Money(parse_positive("100", "USD"), "USD")) == "100.00"
    assert str(Money(100, "JPY")) == "100"


@pytest.mark.parametrize(
    "text",
    ["1e2", " 1", "1 ", "+1", "1,00", "Infinity", "NaN", "", "1.", ".5", "01", "--1", "1_000",
     "0x1", "\u0661", "1\n", "1" * 16, 1, 1.0, None, True, ["1"], b"1"],
)  # fmt: skip
def test_anything_else_is_no_amount(text: object) -> None:
    assert refusal(text) is Reason.INVALID_AMOUNT_FORMAT
    with pytest.raises(Refused) as refused:
        parse_minor(text, "USD")
    assert refused.value.reason is Reason.INVALID_AMOUNT_FORMAT


@pytest.mark.parametrize("text", ["0", "0.00", "-0", "-1", "-0.01", "-0.001", "0.000"])
def test_nothing_and_less_is_negative(text: str) -> None:
    assert refusal(text) is Reason.NEGATIVE_AMOUNT


@pytest.mark.parametrize(
    ("text", "currency"), [("0.001", "USD"), ("0.5", "JPY"), ("0.0001", "BHD"), ("0.009", "USD")]
)
def test_less_than_one_minor_unit_is_too_small(text: str, currency: str) -> None:
    assert refusal(text, currency) is Reason.AMOUNT_TOO_SMALL


@pytest.mark.parametrize(
    ("text", "currency"), [("1.001", "USD"), ("0.011", "USD"), ("100.5", "JPY"), ("1.00000", "CLF")]
)
def test_more_decimals_than_the_currency_has_are_no_amount(text: str, currency: str) -> None:
    assert refusal(text, currency) is Reason.INVALID_AMOUNT_FORMAT


def test_the_smallest_amount_may_be_more_than_one_minor_unit() -> None:
    assert refusal("0.99", smallest=100) is Reason.AMOUNT_TOO_SMALL
    assert parse_positive("1.00", "USD", 100) == 100


@pytest.mark.parametrize("text", ["922337203685477.5808", "999999999999999"])
def test_what_leaves_the_64_bit_range_exceeds_every_limit(text: str) -> None:
    assert refusal(text, "CLF") is Reason.AMOUNT_EXCEEDS_LIMIT


@given(minors, currencies)
@example(MINOR_MAX, "JPY")
@example(-MINOR_MAX, "CLF")
def test_what_is_printed_is_read_back(minor: int, currency: str) -> None:
    text = decimal_text(minor, currency)
    whole = text.removeprefix("-").partition(".")[0]
    if len(whole) > INTEGER_DIGITS:
        with pytest.raises(Refused):
            parse_minor(text, currency)
        return
    assert minor == parse_minor(text, currency)
    if minor > 0:
        assert minor == parse_positive(text, currency)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,5})?", fullmatch=True), currencies)
def test_what_is_read_is_printed_with_all_its_decimals(text: str, currency: str) -> None:
    try:
        minor = parse_minor(text, currency)
    except Refused:
        decimals = text.partition(".")[2]
        assert len(decimals) > EXPONENTS[currency] or EXPONENTS[currency] == 4
        return
    printed = decimal_text(minor, currency)
    assert len(printed.partition(".")[2]) == EXPONENTS[currency]
    assert minor == 0 or printed.startswith(text)


@given(st.text() | st.from_regex(r"[-+ ]?[0-9.,eE]{1,20}", fullmatch=True), currencies)
def test_whatever_is_asked_is_read_or_refused(text: str, currency: str) -> None:
    with suppress(Refused):
        assert 0 < parse_positive(text, currency) <= MINOR_MAX


def test_every_active_currency_has_a_minor_unit_of_its_own() -> None:
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}
    assert (EXPONENTS["JPY"], EXPONENTS["USD"], EXPONENTS["BHD"], EXPONENTS["CLF"]) == (0, 2, 3, 4)
