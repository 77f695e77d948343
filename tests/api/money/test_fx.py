"""FX over HTTP: a quote locks rate and amounts, a transfer uses it once (AC-51)."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from api.rates import Rates
from ledger.identity import new_id
from ledger.policies.exchange import RateTable
from tests.api.money.house import ROBOT_READS, ROBOT_WRITES, House, built_in, transfer

QUOTES = "/api/fx/quotes"
TABLE = RateTable(
    base="EUR",
    source="tests",
    as_of="2026-03-14T12:00:00.000000Z",
    rates={
        "USD": Decimal("1.25"),
        "JPY": Decimal("160.5"),
        "BHD": Decimal("0.5"),
        "CLF": Decimal("0.025"),
    },
)


@pytest.fixture(autouse=True)
def _known_rates(house: House) -> Any:
    with house.rates(Rates(lambda: TABLE)):
        yield


def pair(source: str = "USD", destination: str = "JPY", **amounts: Any) -> dict[str, Any]:
    named = amounts or {"source_amount": "10.00"}
    return {"source_currency": source, "destination_currency": destination, **named}


def quote(house: House, caller: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return dict(house.made(caller, QUOTES, body or pair()))


def test_a_quote_shows_what_was_locked(house: House) -> None:
    answer = house.post(house.anna, QUOTES, pair())
    assert answer.status_code == 201
    shown = answer.json()["data"]
    assert answer.headers["location"] == f"{QUOTES}/{shown['id']}"
    known = {name: shown[name] for name in shown if name not in {"id", "expires_at"}}
    known = {name: value for name, value in known.items() if not name.endswith("ted_at")}
    assert known == {
        "source_currency": "USD",
        "destination_currency": "JPY",
        "source_amount": "10.00",
        "destination_amount": "1284",
        "rate": "128.4",
        "rate_source": "tests",
        "rate_as_of": TABLE.as_of,
        "status": "OPEN",
    }
    for caller in (house.anna, house.sue, house.audrey, ROBOT_WRITES):
        assert house.data(caller, f"{QUOTES}/{shown['id']}") == shown
    for stranger in (house.boris, ROBOT_READS):
        refused = house.ask(stranger, "GET", f"{QUOTES}/{shown['id']}")
        assert house.reason(refused) == (403, "insufficient_permissions")
    nowhere = house.ask(house.anna, "GET", f"{QUOTES}/{new_id()}")
    assert house.reason(nowhere) == (404, "quote_not_found")


@pytest.mark.parametrize(
    ("body", "amounts"),
    [
        (pair("USD", "JPY", destination_amount="1284"), ("10.00", "1284")),
        (pair("JPY", "BHD", source_amount="321"), ("321", "1.000")),
        (pair("BHD", "CLF", source_amount="1.234"), ("1.234", "0.0617")),
        (pair("CLF", "JPY", source_amount="0.0001"), ("0.0001", "1")),
        (pair("EUR", "USD", destination_amount="0.01"), ("0.01", "0.01")),
    ],
)
def test_quotes_between_any_decimals(
    house: House, body: dict[str, Any], amounts: tuple[str, str]
) -> None:
    shown = quote(house, ROBOT_WRITES, body)
    assert (shown["source_amount"], shown["destination_amount"]) == amounts


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (pair("USD", "USD"), 422, "unsupported_currency_pair"),
        (pair("USD", "XOF"), 422, "unsupported_currency_pair"),
        (pair("USD", "usd"), 400, "invalid_currency_format"),
        (pair(source_amount="1.001"), 400, "invalid_amount_format"),
        (pair(source_amount=10), 400, "invalid_amount_format"),
        (pair(source_amount="0"), 422, "negative_amount"),
        (pair(source_amount="0.001"), 400, "amount_too_small"),
        (pair("JPY", "CLF", destination_amount="0.00001"), 400, "amount_too_small"),
        (
            pair(source_amount="99999999999999.99", destination_amount="1"),
            400,
            "invalid_field_value",
        ),
        ({"source_currency": "USD", "destination_currency": "JPY"}, 400, "missing_fields"),
        (pair("JPY", "CLF", source_amount="999999999999999"), 201, ""),
        (pair("CLF", "JPY", source_amount="999999999999999.9999"), 422, "amount_exceeds_limit"),
    ],
)
def test_what_is_not_quoted(house: House, body: dict[str, Any], status: int, reason: str) -> None:
    answer = house.post(house.anna, QUOTES, body)
    assert answer.status_code == status, answer.text
    assert not reason or house.reason(answer) == (status, reason)


def test_a_quote_makes_a_transfer_of_four_entries(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0, "JPY")
    quoted = quote(house, house.anna)
    asked = transfer(source, destination, fx_quote_id=quoted["id"])
    moved = house.made(house.anna, "/api/transfers", asked)
    assert moved["rate"] == "128.4"
    assert (moved["amount"], moved["destination_amount"]) == ("10.00", "1284")
    assert moved["destination_currency"] == "JPY"
    assert house.data(house.boris, f"/api/transfers/{moved['id']}") == moved
    posting = house.data(house.audrey, f"/api/postings/{moved['posting_id']}")
    assert posting["kind"] == "FX"
    assert [
        (each["account_id"] or each["account_code"], each["direction"], each["amount"])
        for each in posting["entries"]
    ] == [
        (source, "DEBIT", "10.00"),
        ("fx:USD", "CREDIT", "10.00"),
        ("fx:JPY", "DEBIT", "1284"),
        (destination, "CREDIT", "1284"),
    ]
    assert (house.balance(source), house.balance(destination)) == ("990.00", "1284")
    assert house.data(house.anna, f"{QUOTES}/{quoted['id']}")["status"] == "USED"


def test_ten_transfers_race_for_one_quote(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.anna, 0, "JPY")
    asked = transfer(source, destination, fx_quote_id=quote(house, house.anna)["id"])
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda _: house.post(house.anna, "/api/transfers", asked), range(10))
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    refused = {house.reason(each)[1] for each in answers if each.status_code == 409}
    assert refused == {"quote_already_used"}
    assert house.balance(source) == "990.00"


def test_a_transfer_that_does_not_fit_its_quote(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.anna, 0, "JPY")
    dollars = house.account(house.anna, 0)
    quoted = quote(house, house.anna)["id"]
    misfits = [
        (house.anna, transfer(source, destination, "10.01", fx_quote_id=quoted)),
        (house.anna, transfer(source, dollars, fx_quote_id=quoted)),
        (house.ada, transfer(source, destination, fx_quote_id=quoted)),
    ]
    for caller, body in misfits:
        answer = house.post(caller, "/api/transfers", body)
        assert house.reason(answer) == (422, "quote_mismatch")
    without = house.post(house.anna, "/api/transfers", transfer(source, destination))
    assert house.reason(without) == (422, "currency_mismatch")
    unknown = transfer(source, destination, fx_quote_id=new_id())
    answer = house.post(house.anna, "/api/transfers", unknown)
    assert house.reason(answer) == (404, "quote_not_found")
    fits = transfer(source, destination, fx_quote_id=quoted)
    assert house.post(house.anna, "/api/transfers", fits).status_code == 201


def test_a_quote_that_is_over(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.anna, 0, "JPY")
    with house.rates(Rates(lambda: TABLE, quote_seconds=0)):
        quoted = quote(house, house.anna)["id"]
    asked = transfer(source, destination, fx_quote_id=quoted)
    answer = house.post(house.anna, "/api/transfers", asked)
    assert house.reason(answer) == (422, "quote_expired")
    assert house.data(house.anna, f"{QUOTES}/{quoted}")["status"] == "EXPIRED"


def test_a_bulk_exchanges_too(house: House) -> None:
    source, destination = house.account(house.anna), house.account(house.boris, 0, "JPY")
    items = [
        transfer(source, destination, fx_quote_id=quote(house, ROBOT_WRITES)["id"])
        for _ in range(3)
    ]
    booked = house.made(ROBOT_WRITES, "/api/transfers/bulk", {"transfers": items})
    assert booked["successful"] == 3
    assert house.balance(destination) == "3852"


def test_rates_are_open_to_everybody_who_signed_in(house: House) -> None:
    with house.rates(Rates(built_in)):
        shown = house.data(house.anna, "/api/fx/rates")
        assert shown == house.data(ROBOT_READS, "/api/fx/rates")
    dollar = next(each for each in shown if each["quote"] == "USD")
    assert dollar == {
        "base": "EUR",
        "quote": "USD",
        "rate": "1.0465",
        "source": "static",
        "as_of": "2025-03-03T00:00:00.000000Z",
    }


def test_an_auditor_gets_no_quote(house: House) -> None:
    for caller in (house.audrey, ROBOT_READS):
        answer = house.post(caller, QUOTES, pair())
        assert house.reason(answer) == (403, "insufficient_permissions")
