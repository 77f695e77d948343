"""Amounts over HTTP: decimals of every currency, and the ends of the 64-bit range (AC-17)."""

from decimal import Decimal
from typing import Any

import pytest

from ledger.money import MINOR_MAX
from tests.api.money.house import ROBOT_HOLDS, ROBOT_WRITES, House, transfer

MOST, TOO_MUCH = "922337203685477.5807", "922337203685477.5808"
"""In CLF, which has four decimals: the largest 64-bit number of minor units, and one more."""


@pytest.mark.parametrize(
    ("currency", "sent", "shown", "left", "too_fine", "too_small"),
    [
        ("JPY", "100", "100", "900", "100.5", "0.5"),
        ("USD", "1.5", "1.50", "8.50", "1.001", "0.001"),
        ("BHD", "0.001", "0.001", "0.999", "0.0011", "0.0001"),
        ("CLF", "0.01", "0.0100", "0.0900", "1.00000", "0.00001"),
    ],
)
def test_every_currency_has_its_decimals(
    house: House, currency: str, sent: str, shown: str, left: str, too_fine: str, too_small: str
) -> None:
    source = house.account(house.anna, 1_000, currency)
    sink = house.account(house.boris, 0, currency)
    moved = house.made(house.anna, "/api/transfers", transfer(source, sink, sent))
    assert (moved["amount"], moved["currency"]) == (shown, currency)
    assert (house.balance(source), house.balance(sink)) == (left, shown)
    for amount, status, reason in (
        (too_fine, 400, "invalid_amount_format"),
        (too_small, 400, "amount_too_small"),
        ("0", 422, "negative_amount"),
        (f"-{sent}", 422, "negative_amount"),
        (1, 400, "invalid_amount_format"),
    ):
        answer = house.post(house.anna, "/api/transfers", transfer(source, sink, amount))  # type: ignore[arg-type]  # what clients send
        assert house.reason(answer) == (status, reason), amount
    assert house.balance(source) == left


def refused(house: House, caller: str, path: str, body: dict[str, Any]) -> None:
    answer = house.post(caller, path, body)
    assert house.reason(answer) == (422, "amount_exceeds_limit"), answer.text


def test_what_leaves_the_64_bit_range_is_refused_and_the_books_go_on(house: House) -> None:
    rich = house.person()
    full, also_full = (house.account(rich, MINOR_MAX, "CLF") for _ in range(2))
    empty = house.account(rich, 0, "CLF")
    for amount in ("0.0001", MOST):
        refused(house, ROBOT_WRITES, "/api/transfers", transfer(full, also_full, amount))
    refused(house, ROBOT_WRITES, "/api/transfers", transfer(full, empty, TOO_MUCH))
    house.made(ROBOT_WRITES, "/api/transfers", transfer(full, empty, MOST))
    assert [house.balance(each) for each in (full, also_full, empty)] == ["0.0000", MOST, MOST]
    [line] = house.data(rich, f"/api/accounts/{empty}/balance/explain")
    assert (line["delta"], line["balance_after"]) == (MOST, MOST)


def test_what_is_promised_stays_in_range_whatever_the_credit(house: House) -> None:
    rich = house.person()
    account = house.account(rich, MINOR_MAX, "CLF", account_type="CREDIT", credit_limit=MINOR_MAX)
    hold = {"account_id": account, "amount": MOST, "description": "everything"}
    house.made(ROBOT_HOLDS, "/api/holds", hold)
    refused(house, ROBOT_HOLDS, "/api/holds", hold | {"amount": "0.0001"})
    shown = house.data(rich, f"/api/accounts/{account}")
    assert (shown["balance"], shown["held"], shown["available"]) == (MOST, MOST, MOST)


def test_sums_go_beyond_64_bits(house: House) -> None:
    rich = house.person()
    for _ in range(2):
        house.account(rich, MINOR_MAX, "CLF", account_type="CREDIT", credit_limit=MINOR_MAX)
    [total] = house.data(rich, "/api/payments/stats")["financial_health"]["totals"]
    assert total == {
        "currency": "CLF",
        "balance": "1844674407370955.1614",
        "available": "3689348814741910.3228",
    }
    [books] = house.data(house.audrey, "/api/ledger/trial-balance?currency=CLF")
    assert books["balanced"] is True
    assert Decimal(books["total_debit"]) >= Decimal(total["balance"])
