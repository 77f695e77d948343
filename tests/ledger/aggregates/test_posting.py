"""Posting and transfer: booked once, and only in balance (ledger.md §4, I-1, I-2)."""

import pytest

from ledger.aggregates import posting
from ledger.entries import Entry, balanced
from ledger.events.posting import PostingBooked
from ledger.events.transfer import TransferBooked
from tests.builders import ANNA, HERS, HIS, NOON, POSTING, identity, seal


def entry(amount: int, account: str, currency: str = "USD") -> Entry:
    owner = {"account_code": account} if ":" in account else {"account_id": account}
    return Entry(entry_id=identity(f"{account}{amount}"), amount=amount, currency=currency, **owner)


def booked(*entries: Entry) -> PostingBooked:
    return PostingBooked(posting_id=POSTING, kind="TRANSFER", entries=entries)


def test_two_entries_that_sum_to_zero_balance() -> None:
    assert balanced([entry(-5, HERS), entry(5, HIS)])


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(0, HERS)],
        [entry(-5, HERS), entry(4, HIS)],
        [entry(-5, HERS), entry(5, HERS)],
        [entry(-5, HERS, "USD"), entry(5, HIS, "EUR")],
    ],
)
def test_anything_else_does_not(entries: list[Entry]) -> None:
    assert not balanced(entries)
    with pytest.raises(AssertionError):
        posting.evolve(posting.UNBOOKED, booked(*entries), NOON)


def test_an_exchange_balances_in_each_currency() -> None:
    assert balanced(
        [
            entry(-5, HERS, "USD"),
            entry(5, "fx:USD", "USD"),
            entry(-4, "fx:EUR", "EUR"),
            entry(4, HIS, "EUR"),
        ]
    )


def test_a_posting_is_booked_once() -> None:
    fact = booked(entry(-5, HERS), entry(5, "clearing:LEDGERBANK:USD"))
    once = posting.evolve(posting.UNBOOKED, fact, NOON)
    assert once == posting.Booked(fact, NOON)
    with pytest.raises(AssertionError):
        posting.evolve(once, fact, NOON)


def test_a_transfer_is_booked_once() -> None:
    fact = TransferBooked(
        source_account_id=HERS,
        destination_account_id=HIS,
        amount=5,
        currency="USD",
        destination_amount=5,
        destination_currency="USD",
        description=seal("Rent"),
        posting_id=POSTING,
        initiated_by=ANNA,
    )
    once = posting.evolve_transfer(posting.UNTRANSFERRED, fact, NOON)
    assert once == posting.Transferred(fact, NOON)
    with pytest.raises(AssertionError):
        posting.evolve_transfer(once, fact, NOON)
