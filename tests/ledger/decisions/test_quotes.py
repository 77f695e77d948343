"""FX quotes: a rate and two amounts locked, used once by a transfer that fits (ledger.md §7)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import AccountCredited, AccountDebited
from ledger.events.posting import PostingBooked
from ledger.events.quote import FxQuoteIssued, FxQuoteUsed
from ledger.events.recorded import Actor
from ledger.events.transfer import TransferBooked
from ledger.identity import numbered_id
from ledger.money import MINOR_MAX
from ledger.policies.exchange import RateTable, exchanged, paid_for, rate_text, rounded
from ledger.times import later
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_ROBOT,
    FOREIGN,
    HERS,
    HIS,
    NOON,
    OTHER_POSTING,
    POSTING,
    QUOTE,
    ROBOT,
    TRANSFER,
    exchange,
    identity,
    quoting,
    seal,
    transfer,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.specs import given
from tests.strategies import currencies

EXPIRY = "2026-03-14T12:00:30.000000Z"
ANOTHER = {"transfer_id": identity("another transfer"), "posting_id": OTHER_POSTING}
TABLE = RateTable(
    base="EUR",
    source="tests",
    as_of=NOON,
    rates={"USD": Decimal("1.25"), "JPY": Decimal("160.5"), "BHD": Decimal("0.4")},
)


def issued(**fields: Any) -> tuple[str, FxQuoteIssued]:
    known: dict[str, Any] = {
        "source_currency": "USD",
        "destination_currency": "JPY",
        "source_amount": 1_000,
        "destination_amount": 1_501,
        "rate": "150.125",
        "rate_source": "tests",
        "rate_as_of": NOON,
        "expires_at": EXPIRY,
        "issued_to": ANNA,
    }
    return f"quote-{QUOTE}", FxQuoteIssued(**(known | fields))


def test_a_quote_locks_the_rate_and_both_amounts_for_its_creator() -> None:
    given(TOWN).when(quoting(), by=AS_ANNA).then(issued())
    by_robot = given(TOWN).when(quoting(), by=AS_ROBOT)
    by_robot.then(issued(issued_to=ROBOT))


def test_the_source_is_worked_out_when_the_destination_is_given() -> None:
    asked = quoting(source_amount=None, destination_amount=1_500)
    given(TOWN).when(asked, by=AS_ANNA).then(issued(source_amount=999, destination_amount=1_500))


def test_an_auditor_gets_no_quote() -> None:
    given(TOWN).when(quoting(), by=AS_AUDREY).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"source_amount": 1, "rate": "0.001"}, Reason.AMOUNT_TOO_SMALL),
        ({"source_amount": MINOR_MAX, "rate": "150"}, Reason.AMOUNT_EXCEEDS_LIMIT),
        (
            {"source_amount": None, "destination_amount": MINOR_MAX, "rate": "0.5"},
            Reason.AMOUNT_EXCEEDS_LIMIT,
        ),
    ],
)
def test_amounts_that_cannot_be_booked_are_not_quoted(
    fields: dict[str, Any], reason: Reason
) -> None:
    given(TOWN).when(quoting(**fields), by=AS_ANNA).then_refused(reason)


def test_a_transfer_by_a_quote_books_four_entries_and_the_locked_amounts() -> None:
    ids = [numbered_id(POSTING, ordinal) for ordinal in (1, 2, 3, 4)]
    entries = (
        Entry(entry_id=ids[0], account_id=HERS, amount=-1_000, currency="USD"),
        Entry(entry_id=ids[1], account_code="fx:USD", amount=1_000, currency="USD"),
        Entry(entry_id=ids[2], account_code="fx:JPY", amount=-1_501, currency="JPY"),
        Entry(entry_id=ids[3], account_id=FOREIGN, amount=1_501, currency="JPY"),
    )
    told = given(TOWN).done(quoting(), by=AS_ANNA).when(exchange(), by=AS_ANNA)
    facts = {type(event): event for _, event in told.lines}
    assert told.refused is None
    assert facts[FxQuoteUsed] == FxQuoteUsed(transfer_id=TRANSFER)
    assert facts[PostingBooked] == PostingBooked(
        posting_id=POSTING,
        kind="FX",
        entries=entries,
        description=seal("Rent"),
        transfer_id=TRANSFER,
    )
    assert facts[AccountDebited] == AccountDebited(
        posting_id=POSTING, entry_id=ids[0], amount=1_000, balance_after=99_000
    )
    assert facts[AccountCredited] == AccountCredited(
        posting_id=POSTING, entry_id=ids[3], amount=1_501, balance_after=1_501
    )
    booked = facts[TransferBooked]
    assert isinstance(booked, TransferBooked)
    assert (booked.amount, booked.destination_amount, booked.rate) == (1_000, 1_501, "150.125")
    assert (booked.currency, booked.destination_currency) == ("USD", "JPY")
    assert booked.fx_quote_id == QUOTE


def test_a_quote_is_used_once() -> None:
    story = given(TOWN).done(quoting(), by=AS_ANNA).done(exchange(), by=AS_ANNA)
    story.when(exchange(**ANOTHER), by=AS_ANNA).then_refused(Reason.QUOTE_ALREADY_USED)


def test_a_quote_ends_at_its_expiry() -> None:
    story = given(TOWN).done(quoting(), by=AS_ANNA)
    story.at(EXPIRY).when(exchange(), by=AS_ANNA).then_refused(Reason.QUOTE_EXPIRED)
    before = given(TOWN).done(quoting(), by=AS_ANNA).at("2026-03-14T12:00:29.999999Z")
    assert before.when(exchange(), by=AS_ANNA).refused is None


@pytest.mark.parametrize(
    ("fields", "by", "reason"),
    [
        ({"amount": "10.01"}, AS_ANNA, Reason.QUOTE_MISMATCH),
        ({"destination_account_id": HIS}, AS_ANNA, Reason.QUOTE_MISMATCH),
        ({}, AS_ADA, Reason.QUOTE_MISMATCH),
        ({"fx_quote_id": identity("unheard of")}, AS_ANNA, Reason.QUOTE_NOT_FOUND),
        ({"fx_quote_id": None}, AS_ANNA, Reason.CURRENCY_MISMATCH),
        ({"amount": "800.01"}, AS_ANNA, Reason.AMOUNT_EXCEEDS_LIMIT),
    ],
)
def test_a_quote_fits_or_the_transfer_is_refused(
    fields: dict[str, Any], by: Actor, reason: Reason
) -> None:
    story = given(TOWN).done(quoting(), by=AS_ANNA)
    story.when(exchange(**fields), by=by).then_refused(reason)


def test_a_quote_is_judged_before_the_funds() -> None:
    poor = {"source_account_id": FOREIGN, "destination_account_id": HERS}
    asked = quoting(source_currency="JPY", destination_currency="USD", source_amount=500)
    story = given(TOWN).done(asked, by=AS_ADA)
    story.when(exchange("501", **poor), by=AS_ADA).then_refused(Reason.QUOTE_MISMATCH)
    story.when(exchange("500", **poor), by=AS_ADA).then_refused(Reason.INSUFFICIENT_FUNDS)


def test_a_refused_transfer_leaves_the_quote_open() -> None:
    story = given(TOWN).done(quoting(source_amount=70_000), by=AS_ANNA)
    story.done(transfer("700.00", **ANOTHER), by=AS_ANNA)
    story.when(exchange("700.00"), by=AS_ANNA).then_refused(Reason.INSUFFICIENT_FUNDS)
    assert story.books.state(f"quote-{QUOTE}").quote.source_amount == 70_000


def test_rates_cross_through_the_base_with_ten_decimals() -> None:
    assert TABLE.rate("EUR", "USD") == Decimal("1.25")
    assert TABLE.rate("USD", "EUR") == Decimal("0.8")
    assert TABLE.rate("USD", "JPY") == Decimal("128.4")
    assert TABLE.rate("JPY", "USD") == Decimal("0.0077881620")
    assert TABLE.rate("USD", "USD") is None
    assert TABLE.rate("USD", "XOF") is None
    assert rate_text(Decimal("128.4000000000")) == "128.4"
    assert rate_text(Decimal(160)) == "160"


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [(5, 10, 0), (15, 10, 2), (25, 10, 2), (26, 10, 3), (24, 10, 2), (10, 10, 1), (1, 3, 0)],
)
def test_halves_go_to_the_even_neighbour(above: int, below: int, expected: int) -> None:
    assert rounded(above, below) == expected


@pytest.mark.parametrize(
    ("minor", "source", "destination", "rate", "expected"),
    [
        (100, "USD", "JPY", "150.5", 150),
        (300, "USD", "JPY", "150.5", 452),
        (1, "JPY", "USD", "0.0065", 1),
        (1_000, "BHD", "USD", "2.65", 265),
        (10_000, "CLF", "JPY", "6000", 6_000),
        (265, "USD", "CLF", "0.025", 662),
    ],
)
def test_amounts_are_exchanged_between_any_decimals(
    minor: int, source: str, destination: str, rate: str, expected: int
) -> None:
    assert exchanged(minor, source, destination, Decimal(rate)) == expected


@forall(
    st.integers(1, MINOR_MAX),
    currencies,
    currencies,
    st.decimals("0.0000000001", "100000", places=10, allow_nan=False),
)
def test_an_exchange_is_off_by_at_most_half_a_minor_unit(
    minor: int, source: str, destination: str, rate: Decimal
) -> None:
    there = exchanged(minor, source, destination, rate)
    above, below = rate.as_integer_ratio()
    exponents = {"JPY": 0, "USD": 2, "BHD": 3, "CLF": 4}
    scale = 10 ** exponents[destination], 10 ** exponents[source]
    assert abs(2 * (there * below * scale[1] - minor * above * scale[0])) <= below * scale[1]
    back = paid_for(there, source, destination, rate)
    exact = there * below * scale[1]
    assert abs(2 * (back * above * scale[0] - exact)) <= above * scale[0]


def test_what_is_used_up_stays_so_after_its_time() -> None:
    story = given(TOWN).done(quoting(), by=AS_ANNA).done(exchange(), by=AS_ANNA)
    late = story.at(later(EXPIRY, timedelta(minutes=1)))
    late.when(exchange(**ANOTHER), by=AS_ANNA).then_refused(Reason.QUOTE_ALREADY_USED)
