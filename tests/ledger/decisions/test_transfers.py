"""Transfers: at once, all or nothing, judged in the order of ledger.md §5.2."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import AccountCredited, AccountDebited, DailyUsageChanged
from ledger.events.posting import PostingBooked
from ledger.events.recorded import SYSTEM, Actor
from ledger.events.transfer import TransferBooked
from ledger.events.user import UserSuspended
from ledger.identity import numbered_id
from ledger.money import MINOR_MAX
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    BORIS,
    HERS,
    HIS,
    MIDNIGHT,
    OTHER_POSTING,
    POSTING,
    RULES,
    TODAY,
    TOWN,
    TRANSFER,
    account,
    identity,
    seal,
    transfer,
)
from tests.specs import given

OUT, INTO = numbered_id(POSTING, 1), numbered_id(POSTING, 2)
MOVED = (PostingBooked, AccountDebited, DailyUsageChanged, AccountCredited, TransferBooked)
ANOTHER = {"transfer_id": identity("another transfer"), "posting_id": OTHER_POSTING}


def test_a_transfer_moves_the_money_and_books_the_posting_at_once() -> None:
    entries = (
        Entry(entry_id=OUT, account_id=HERS, amount=-1_000, currency="USD"),
        Entry(entry_id=INTO, account_id=HIS, amount=1_000, currency="USD"),
    )
    moved: dict[str, Any] = {"posting_id": POSTING, "amount": 1_000}
    given(TOWN).when(transfer("10.00", reference=seal("INV-1")), by=AS_ANNA).then(
        (
            f"posting-{POSTING}",
            PostingBooked(
                posting_id=POSTING,
                kind="TRANSFER",
                entries=entries,
                description=seal("Rent"),
                reference=seal("INV-1"),
                transfer_id=TRANSFER,
            ),
        ),
        (f"account-{HERS}", AccountDebited(entry_id=OUT, balance_after=99_000, **moved)),
        (f"account-{HERS}", DailyUsageChanged(day=TODAY, delta=1_000, cause=POSTING)),
        (f"account-{HIS}", AccountCredited(entry_id=INTO, balance_after=1_000, **moved)),
        (
            f"transfer-{TRANSFER}",
            TransferBooked(
                source_account_id=HERS,
                destination_account_id=HIS,
                amount=1_000,
                currency="USD",
                destination_amount=1_000,
                destination_currency="USD",
                description=seal("Rent"),
                reference=seal("INV-1"),
                posting_id=POSTING,
                initiated_by=ANNA,
            ),
        ),
    )


def test_the_same_transfer_is_booked_once() -> None:
    given(TOWN).done(transfer(), by=AS_ANNA).when(transfer(), by=AS_ANNA).then_nothing()


@pytest.mark.parametrize("actor", [AS_ADA, SYSTEM])
def test_an_admin_may_transfer_from_any_account(actor: Actor) -> None:
    given(TOWN).when(transfer(), by=actor).then_recorded(*MOVED)


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (AS_BORIS, Reason.UNAUTHORIZED_ACCESS),
        (AS_SUE, Reason.UNAUTHORIZED_ACCESS),
        (AS_AUDREY, Reason.INSUFFICIENT_PERMISSIONS),
    ],
)
def test_nobody_else_may_transfer_from_an_account(actor: Actor, reason: Reason) -> None:
    given(TOWN).when(transfer(), by=actor).then_refused(reason)


def test_the_currency_may_be_named_if_it_is_the_sources() -> None:
    given(TOWN).when(transfer(currency="USD"), by=AS_ANNA).then_recorded(*MOVED)
    refused = given(TOWN).when(transfer(currency="JPY"), by=AS_ANNA)
    refused.then_refused(Reason.CURRENCY_MISMATCH, currency="USD")


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0", Reason.NEGATIVE_AMOUNT),
        ("-10.00", Reason.NEGATIVE_AMOUNT),
        ("0.001", Reason.AMOUNT_TOO_SMALL),
        ("10.001", Reason.INVALID_AMOUNT_FORMAT),
        ("ten", Reason.INVALID_AMOUNT_FORMAT),
    ],
)
def test_an_amount_is_more_than_nothing_in_the_sources_decimals(
    amount: str, reason: Reason
) -> None:
    given(TOWN).when(transfer(amount), by=AS_ANNA).then_refused(reason)


def test_the_single_limit_is_passed_by_equality_and_by_nothing_more() -> None:
    given(TOWN).when(transfer("800.00"), by=AS_ANNA).then_recorded(*MOVED)
    refused = given(TOWN).when(transfer("800.01"), by=AS_ANNA)
    refused.then_refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit="800.00")


def test_the_daily_limit_is_passed_by_equality_and_by_nothing_more() -> None:
    richer = account(HERS, ANNA, balance=500_000)
    town = [line for line in TOWN if line[0] != f"account-{HERS}"] + richer
    spent = given(town).done(transfer("800.00"), by=AS_ANNA)
    over = spent.when(transfer("200.01", **ANOTHER), by=AS_ANNA)
    over.then_refused(Reason.DAILY_LIMIT_EXCEEDED, daily_limit="1000.00", daily_spent="800.00")
    spent.when(transfer("200.00", **ANOTHER), by=AS_ANNA).then_recorded(*MOVED)
    late = {"transfer_id": identity("third transfer"), "posting_id": identity("third posting")}
    spent.when(transfer("0.01", **late), by=AS_ANNA).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    spent.at(MIDNIGHT).when(transfer("0.01", **late), by=AS_ANNA).then_recorded(*MOVED)


def test_money_between_accounts_of_one_owner_does_not_count() -> None:
    moved = (PostingBooked, AccountDebited, AccountCredited, TransferBooked)
    own = transfer("800.00", destination_account_id=ALSO_HERS)
    one = given(TOWN).when(own, by=AS_ANNA).then_recorded(*moved)
    state = one.books.state(f"account-{HERS}")
    assert state.spent_on(TODAY) == 0


def test_a_suspended_owner_may_receive_and_not_pay() -> None:
    paying = given(TOWN, (f"user-{ANNA}", UserSuspended()))
    paying.when(transfer(), by=AS_ADA).then_refused(Reason.ACCOUNT_SUSPENDED)
    receiving = given(TOWN, (f"user-{BORIS}", UserSuspended()))
    receiving.when(transfer(), by=AS_ANNA).then_recorded(*MOVED)


def test_a_movement_out_of_the_64_bit_range_is_refused() -> None:
    full = [line for line in TOWN if line[0] != f"account-{HIS}"]
    full += account(HIS, BORIS, balance=MINOR_MAX)
    given(full).when(transfer("0.01"), by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)


def test_linked_accounts_move_only_on_their_providers_rail() -> None:
    town = [line for line in TOWN if line[0] not in {f"account-{HERS}", f"account-{HIS}"}]
    for linked in (HERS, HIS):
        accounts = [
            *account(HERS, ANNA, balance=1, bank_connection_id="c" if linked == HERS else None),
            *account(HIS, BORIS, bank_connection_id="c" if linked == HIS else None),
        ]
        told = given(town, accounts).when(transfer("0.01"), by=AS_ANNA)
        told.then_refused(Reason.RAIL_UNAVAILABLE)


def test_the_smallest_amount_may_be_set_higher() -> None:
    rules = msgspec.structs.replace(RULES, amount_min=Decimal("0.50"))
    less = given(TOWN).under(rules).when(transfer("0.49"), by=AS_ANNA)
    less.then_refused(Reason.AMOUNT_TOO_SMALL)
    given(TOWN).under(rules).when(transfer("0.50"), by=AS_ANNA).then_recorded(*MOVED)
