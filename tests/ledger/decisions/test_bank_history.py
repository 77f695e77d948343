"""The history of an outside bank: mirrored once, in any order, whatever the bank does to it."""

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from ledger.commands.connection import BankLine, ReportBalance
from ledger.commands.payment import CompletePayment, FailPayment, ProcessPayment
from ledger.errors import Reason
from ledger.events.account import (
    AccountClosedAtBank,
    AccountCredited,
    AccountDebited,
    AccountLinked,
    AccountOpened,
)
from ledger.events.connection import (
    BankAccountFound,
    BankBalanceReported,
    BankHistoryRead,
    BankTransactionAmended,
    BankTransactionDropped,
    BankTransactionImported,
    BankTransactionMatched,
    BankTransactionPosted,
)
from ledger.events.payment import PaymentCompleted
from ledger.events.posting import PostingBooked
from ledger.events.reconciliation import (
    AmountMismatchFound,
    BalanceDiscrepancyFound,
    DiscrepancyResolved,
    LateSettlementFound,
)
from ledger.events.recorded import Actor
from tests.builders import ANNA, AS_ADA, AS_ANNA, AS_SUE, PEOPLE, identity
from tests.ledger.banking import (
    CONNECTED,
    MIRROR,
    MIRRORED,
    line,
    mirror,
    page,
    paying,
    report,
    resolve,
)
from tests.specs import Story, given

PAYMENT = identity("payment out")
PENDING = line("tx_1", -300, "pending")


def balance(story: Story) -> int:
    found: int = story.books.state(f"account-{MIRROR}").balance
    return found


def mirrored() -> Story:
    return given(PEOPLE).done(*MIRRORED)


def under_way() -> Story:
    return mirrored().done(paying(), ProcessPayment(payment_id=PAYMENT), by=AS_ANNA)


def test_an_account_of_the_bank_becomes_the_customers() -> None:
    story = given(PEOPLE).done(*CONNECTED)
    story.when(mirror()).then_recorded(AccountOpened, AccountLinked, BankAccountFound)
    story.when(mirror()).then_nothing()
    story.when(mirror(account_id=identity("another name"))).then_nothing()
    story.when(mirror(closed=True)).then_recorded(AccountClosedAtBank)
    story.when(mirror(closed=True)).then_nothing()
    state = story.books.state(f"account-{MIRROR}")
    assert (state.status, state.status_reason) == ("INACTIVE", "closed_at_bank")


def test_the_first_balance_is_taken_over_and_the_next_ones_are_compared() -> None:
    story = given(PEOPLE).done(*CONNECTED, mirror(), page(line("tx_1", -500)))
    story.when(report(100_00)).then_recorded(PostingBooked, AccountCredited, BankBalanceReported)
    assert balance(story) == 100_00
    story.when(report(100_00)).then_nothing()
    story.when(report(99_00)).then_recorded(BankBalanceReported, BalanceDiscrepancyFound)
    story.when(report(99_00, identity("again"))).then_nothing()
    story.when(report(98_00, identity("other"))).then_recorded(
        BankBalanceReported, DiscrepancyResolved, BalanceDiscrepancyFound
    )
    story.when(report(100_00)).then_recorded(BankBalanceReported, DiscrepancyResolved)


def test_a_booked_line_is_mirrored_once() -> None:
    story = mirrored()
    news = page(line("tx_1", -250), line("tx_2", 1_000), cursor="tx_2")
    story.when(news).then_recorded(
        PostingBooked, AccountDebited, BankTransactionImported,
        PostingBooked, AccountCredited, BankTransactionImported, BankHistoryRead,
    )  # fmt: skip
    story.when(news).then_nothing()
    story.when(page(line("tx_2", 1_000), line("tx_1", -250))).then_nothing()
    assert balance(story) == 107_50


def test_twins_are_two_lines() -> None:
    story = mirrored().done(page(line("tx_1", -250), line("tx_2", -250)))
    assert balance(story) == 95_00


def test_what_is_pending_is_told_and_booked_later_under_one_id() -> None:
    story = mirrored()
    told = story.when(page(PENDING)).then_recorded(BankTransactionImported)
    [(_, pending)] = told.lines
    assert balance(story) == 100_00
    story.when(page(PENDING)).then_nothing()
    story.when(page(line("tx_1", -350, "pending"))).then_recorded(BankTransactionImported)
    told = story.when(page(line("tx_1", -320))).then_recorded(
        PostingBooked, AccountDebited, BankTransactionPosted
    )
    posted, booked = told.lines[-1][1], told.lines[0][1]
    assert isinstance(pending, BankTransactionImported)
    assert isinstance(posted, BankTransactionPosted)
    assert isinstance(booked, PostingBooked)
    assert pending.transaction_id == posted.transaction_id == booked.entries[0].entry_id
    assert balance(story) == 96_80


@pytest.mark.parametrize("gone", [page(line("tx_1", -300, "declined")), page(removed=("tx_1",))])
def test_what_comes_to_nothing_is_dropped_and_may_come_back(gone: object) -> None:
    story = mirrored().done(page(PENDING))
    story.when(gone).then_recorded(BankTransactionDropped)  # type: ignore[arg-type]  # a command
    story.when(gone).then_nothing()  # type: ignore[arg-type]  # a command
    story.done(page(line("tx_1", -300)))
    assert balance(story) == 97_00


def test_what_was_declined_from_the_beginning_is_never_told() -> None:
    mirrored().when(page(line("tx_1", -300, "declined"), removed=("tx_9",))).then_nothing()


def test_a_booked_line_that_changes_is_booked_by_the_difference() -> None:
    story = mirrored().done(page(line("tx_1", -300)))
    changed = page(line("tx_1", -310))
    story.when(changed).then_recorded(PostingBooked, AccountDebited, BankTransactionAmended)
    story.when(changed).then_nothing()
    story.when(page(removed=("tx_1",))).then_recorded(
        PostingBooked, AccountCredited, BankTransactionAmended
    )
    assert balance(story) == 100_00
    story.done(page(line("tx_1", -310)))
    assert balance(story) == 96_90


STATUSES = st.sampled_from(("pending", "posted", "declined", "removed"))
ROWS = st.tuples(st.integers(1, 4), st.integers(-900, 900).filter(bool), STATUSES)


@settings(max_examples=60)
@drawn(st.lists(st.lists(ROWS, max_size=4), max_size=8))
def test_the_mirror_is_what_the_bank_said_last(history: list[list[tuple[int, int, str]]]) -> None:
    story, truth = mirrored(), dict[str, int]()
    for told in history:
        lines: list[BankLine] = []
        removed: list[str] = []
        for number, amount, status in {row[0]: row for row in told}.values():
            name = f"tx_{number}"
            truth[name] = amount if status == "posted" else 0
            if status == "removed":
                removed.append(name)
            else:
                lines.append(line(name, amount, status))
        story.done(page(*lines, removed=tuple(removed)))
        story.when(page(*lines, removed=tuple(removed))).then_nothing()
    assert balance(story) == 100_00 + sum(truth.values())


def test_a_payment_of_ours_is_matched_and_not_imported() -> None:
    story = under_way().done(CompletePayment(payment_id=PAYMENT, posting_id=identity("paid")))
    ours = page(line("tx_9", -500, payment_id=PAYMENT))
    story.when(ours).then_recorded(BankTransactionMatched)
    story.when(ours).then_nothing()
    assert balance(story) == 95_00


def test_a_payment_under_way_is_completed_by_its_line() -> None:
    story = under_way()
    story.when(page(line("tx_9", -500, "pending", payment_id=PAYMENT))).then_nothing()
    told = story.when(page(line("tx_9", -500, payment_id=PAYMENT)))
    assert PaymentCompleted in [type(event) for _, event in told.lines]
    assert balance(story) == 95_00
    [clearing] = {
        entry.account_code
        for _, event in told.lines if isinstance(event, PostingBooked)
        for entry in event.entries if entry.account_code is not None
    }  # fmt: skip
    assert clearing == "clearing:GRIN:USD"


def test_another_amount_or_an_end_before_it_is_a_discrepancy() -> None:
    story = under_way()
    story.when(page(line("tx_9", -501, payment_id=PAYMENT))).then_recorded(
        AmountMismatchFound, BankTransactionMatched
    )
    failed = under_way().done(
        FailPayment(
            payment_id=PAYMENT, reason="payment_declined", category="business_rule", attempts=1
        )
    )
    failed.when(page(line("tx_9", -500, payment_id=PAYMENT))).then_recorded(
        LateSettlementFound, BankTransactionMatched
    )
    assert balance(failed) == 100_00


def test_an_admin_resolves_and_adjusts() -> None:
    story = mirrored().done(report(90_00))
    story.when(resolve(), by=AS_SUE).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    told = story.when(resolve(), by=AS_ADA)
    told.then_recorded(PostingBooked, AccountDebited, DiscrepancyResolved)
    assert balance(story) == 90_00
    story.when(resolve(), by=AS_ADA).then_refused(Reason.ALREADY_PROCESSED)
    story.when(resolve(found=MIRROR), by=AS_ADA).then_refused(Reason.DISCREPANCY_NOT_FOUND)
    story.when(report(90_00)).then_nothing()
    story.done(report(-5, identity("below")))
    story.when(resolve(found=identity("below")), by=AS_ADA).then_refused(Reason.NEGATIVE_BALANCE)


def test_nobody_adjusts_an_account_of_their_own() -> None:
    story = mirrored().done(report(90_00))
    own = Actor(type="user", id=ANNA, role="admin")
    story.when(resolve(), by=own).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    story.when(resolve(adjust=False), by=own).then_recorded(DiscrepancyResolved)
    assert balance(story) == 100_00


def test_another_currency_is_refused() -> None:
    euros = ReportBalance(
        **{**{name: getattr(report(1), name) for name in report(1).__struct_fields__},
           "currency": "EUR"}
    )  # fmt: skip
    mirrored().when(euros).then_refused(Reason.CURRENCY_MISMATCH)
