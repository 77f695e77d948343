"""Reversals: a posting undone by its exact negation, at most once (ledger.md §4)."""

from typing import Any

import pytest

from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import AccountCredited, AccountDebited, DailyUsageChanged
from ledger.events.payment import PaymentReversed
from ledger.events.posting import PostingBooked, PostingReversed
from ledger.events.recorded import SYSTEM, Actor
from ledger.events.transfer import TransferReversed
from ledger.identity import numbered_id
from ledger.money import MINOR_MAX
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_ROBOT,
    AS_SUE,
    BORIS,
    FOREIGN,
    HERS,
    HIS,
    MIDNIGHT,
    OTHER_POSTING,
    PAYMENT,
    POSTING,
    REVERSAL,
    TODAY,
    TRANSFER,
    account,
    completion,
    exchange,
    held,
    identity,
    opening,
    process,
    quoting,
    reversal,
    seal,
    transfer,
    wish,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.specs import Story, given

ANOTHER = {"transfer_id": identity("another transfer"), "posting_id": OTHER_POSTING}


def transferred(**fields: Any) -> Story:
    return given(TOWN).done(transfer(**fields), by=AS_ANNA)


def test_a_transfer_is_undone_on_both_accounts_and_told_so() -> None:
    out, into = numbered_id(REVERSAL, 1), numbered_id(REVERSAL, 2)
    entries = (
        Entry(entry_id=out, account_id=HERS, amount=1_000, currency="USD"),
        Entry(entry_id=into, account_id=HIS, amount=-1_000, currency="USD"),
    )
    moved: dict[str, Any] = {"posting_id": REVERSAL, "amount": 1_000}
    transferred().when(reversal(), by=AS_ADA).then(
        (
            f"posting-{REVERSAL}",
            PostingBooked(
                posting_id=REVERSAL,
                kind="REVERSAL",
                entries=entries,
                description=seal("Rent"),
                reverses_posting_id=POSTING,
                reason="Booked by mistake",
            ),
        ),
        (f"account-{HERS}", AccountCredited(entry_id=out, balance_after=100_000, **moved)),
        (f"account-{HERS}", DailyUsageChanged(day=TODAY, delta=-1_000, cause=POSTING)),
        (f"account-{HIS}", AccountDebited(entry_id=into, balance_after=0, **moved)),
        (f"posting-{POSTING}", PostingReversed(reversal_posting_id=REVERSAL)),
        (f"transfer-{TRANSFER}", TransferReversed(posting_id=REVERSAL)),
    )


def test_a_posting_is_reversed_once() -> None:
    story = transferred().done(reversal(), by=AS_ADA)
    again = story.when(reversal(reversal_posting_id=identity("second")), by=AS_ADA)
    again.then_refused(Reason.POSTING_ALREADY_REVERSED, reversed_by_posting_id=REVERSAL)
    assert story.books.state(f"transfer-{TRANSFER}").reversal_posting_id == REVERSAL


def test_a_reversal_is_not_reversed() -> None:
    story = transferred().done(reversal(), by=AS_ADA)
    again = story.when(reversal(REVERSAL, reversal_posting_id=identity("second")), by=AS_ADA)
    again.then_refused(Reason.REVERSAL_NOT_ALLOWED, kind="REVERSAL")


def test_an_import_is_not_reversed() -> None:
    entries = (
        Entry(entry_id=identity("in"), account_id=HERS, amount=5, currency="USD"),
        Entry(entry_id=identity("out"), account_code="clearing:A:USD", amount=-5, currency="USD"),
    )
    imported = PostingBooked(posting_id=POSTING, kind="IMPORT", entries=entries)
    told = given(TOWN, (f"posting-{POSTING}", imported)).when(reversal(), by=AS_ADA)
    told.then_refused(Reason.REVERSAL_NOT_ALLOWED, kind="IMPORT")


def test_an_unknown_posting_is_not_found() -> None:
    given(TOWN).when(reversal(), by=AS_ADA).then_refused(Reason.POSTING_NOT_FOUND)


@pytest.mark.parametrize("actor", [AS_ANNA, AS_SUE, AS_AUDREY])
def test_only_admins_and_services_reverse(actor: Actor) -> None:
    transferred().when(reversal(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


@pytest.mark.parametrize("actor", [AS_ADA, AS_ROBOT, SYSTEM])
def test_who_may_reverse(actor: Actor) -> None:
    assert transferred().when(reversal(), by=actor).refused is None


def test_an_admin_does_not_reverse_what_moved_the_admins_own_money() -> None:
    own = identity("own")
    town = [*TOWN, *account(own, AS_ADA.id or "")]
    story = given(town).done(transfer(destination_account_id=own), by=AS_ANNA)
    story.when(reversal(), by=AS_ADA).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_what_was_spent_meanwhile_is_not_taken_back() -> None:
    spent = {"source_account_id": HIS, "destination_account_id": HERS, "amount": "0.01"}
    story = transferred().done(transfer(**(spent | ANOTHER)), by=AS_ADA)
    told = story.when(reversal(), by=AS_ADA)
    told.then_refused(Reason.NEGATIVE_BALANCE, available="9.99")


def test_what_is_held_is_not_taken_back() -> None:
    story = transferred().happened((f"account-{HIS}", held(1, placed_by=BORIS)))
    story.when(reversal(), by=AS_ADA).then_refused(Reason.NEGATIVE_BALANCE, available="9.99")


def test_a_credit_limit_may_be_used_to_the_last_cent() -> None:
    credit = identity("credit")
    owing = account(credit, BORIS, account_type="CREDIT", credit_limit=1_000)
    spend = transfer("10.00", source_account_id=credit, destination_account_id=HERS, **ANOTHER)
    town = [*TOWN, *owing]
    story = given(town).done(transfer(destination_account_id=credit), by=AS_ANNA)
    story.done(spend, by=AS_ADA)
    assert story.when(reversal(), by=AS_ADA).refused is None
    assert story.books.state(f"account-{credit}").available == 0


def test_the_day_forgets_a_transfer_only_while_it_lasts() -> None:
    story = transferred()
    told = story.at(MIDNIGHT).when(reversal(), by=AS_ADA)
    kinds = [type(event) for _, event in told.lines]
    assert DailyUsageChanged not in kinds


def test_the_day_forgets_what_it_counted() -> None:
    story = transferred(amount="800.00").done(reversal(), by=AS_ADA)
    assert story.books.state(f"account-{HERS}").spent_on(TODAY) == 0
    assert story.when(transfer("800.00", **ANOTHER), by=AS_ANNA).refused is None


def test_the_day_does_not_forget_what_it_never_counted() -> None:
    between_own = transferred(destination_account_id=ALSO_HERS)
    between_own.done(transfer("500.00", **ANOTHER), by=AS_ANNA)
    between_own.done(reversal(), by=AS_ADA)
    assert between_own.books.state(f"account-{HERS}").spent_on(TODAY) == 50_000
    by_robot = given(TOWN).done(transfer(), by=AS_ROBOT)
    by_robot.done(transfer("500.00", **ANOTHER), by=AS_ANNA).done(reversal(), by=AS_ADA)
    assert by_robot.books.state(f"account-{HERS}").spent_on(TODAY) == 50_000


def test_a_payment_stays_completed_with_its_reversal() -> None:
    story = given(TOWN).done(wish(), process(), completion(), by=AS_ANNA)
    counted = story.books.state(f"account-{HERS}").spent_on(TODAY)
    told = story.when(reversal(), by=AS_ADA)
    assert (f"payment-{PAYMENT}", PaymentReversed(posting_id=REVERSAL)) in told.lines
    payment = story.books.state(f"payment-{PAYMENT}")
    assert (payment.posting_id, payment.reversal_posting_id) == (POSTING, REVERSAL)
    assert story.books.state(f"account-{HERS}").balance == 100_000
    assert story.books.state(f"account-{HERS}").spent_on(TODAY) == counted


def test_an_exchange_is_undone_in_both_currencies() -> None:
    story = given(TOWN).done(quoting(), exchange(), by=AS_ANNA)
    story.done(reversal(), by=AS_ADA)
    entries = story.books.state(f"posting-{REVERSAL}").posting.entries
    assert [(each.amount, each.currency) for each in entries] == [
        (1_000, "USD"),
        (-1_000, "USD"),
        (1_501, "JPY"),
        (-1_501, "JPY"),
    ]
    assert story.books.state(f"account-{HERS}").balance == 100_000
    assert story.books.state(f"account-{FOREIGN}").balance == 0


def test_an_opening_balance_can_be_taken_back() -> None:
    new = identity("new")
    opened = opening(new, ANNA, opening_balance=500)
    story = given(TOWN).done(opened, by=AS_ADA)
    posting_id = identity(f"opening of {new}")
    assert story.when(reversal(posting_id), by=AS_ADA).refused is None
    assert story.books.state(f"account-{new}").balance == 0


def test_a_reversal_out_of_the_64_bit_range_is_refused() -> None:
    story = transferred()
    full = AccountCredited(
        posting_id=OTHER_POSTING,
        entry_id=identity("much"),
        amount=MINOR_MAX - 99_000,
        balance_after=MINOR_MAX,
    )
    story.happened((f"account-{HERS}", full))
    story.when(reversal(), by=AS_ADA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
