"""Ending a payment: booked once, or failed with its hold given back (ledger.md §4, §6.4)."""

from typing import Any

import pytest

from ledger.commands.payment import CompletePayment, FailPayment
from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    DailyUsageChanged,
    HoldCaptured,
    HoldReleased,
)
from ledger.events.event import Event
from ledger.events.payment import PaymentCompleted, PaymentFailed
from ledger.events.posting import PostingBooked
from ledger.events.user import UserSuspended
from ledger.identity import numbered_id
from ledger.money import MINOR_MAX
from tests.builders import (
    ANNA,
    AS_ADA,
    BORIS,
    HERS,
    HIS,
    MIDNIGHT,
    NEXT_NOON,
    NOON,
    OTHER_PAYMENT,
    OTHER_POSTING,
    PAYMENT,
    POSTING,
    TODAY,
    TOMORROW,
    TOWN,
    Line,
    account,
    cancel,
    completion,
    created,
    failure,
    process,
    seal,
    submission,
)
from tests.specs import Story, given

OUT, INTO = numbered_id(POSTING, 1), numbered_id(POSTING, 2)
STREAM = f"payment-{PAYMENT}"
CLEARING = "clearing:LEDGERBANK:USD"
WITHIN = {"account_id": HERS, "entry_id": OUT, "amount": -1_000, "currency": "USD"}


def on_its_way(amount: int = 1_000, **terms: Any) -> Story:
    return given(TOWN, created(amount, **terms)).done(process(), by=AS_ADA)


def booked(kind: str, out: Entry, into: Entry, hold_id: str | None) -> Line:
    return (
        f"posting-{POSTING}",
        PostingBooked(
            posting_id=POSTING,
            kind=kind,
            entries=(out, into),
            description=seal("Groceries"),
            payment_id=PAYMENT,
            hold_id=hold_id,
        ),
    )


def on_hers(kind: type[Event], **fields: Any) -> Line:
    return f"account-{HERS}", kind(**({"posting_id": POSTING} | fields))


def leaves(amount: int = 1_000) -> list[Line]:
    return [
        on_hers(HoldCaptured, hold_id=PAYMENT, amount=amount, final=True),
        on_hers(AccountDebited, entry_id=OUT, amount=amount, balance_after=100_000 - amount),
    ]


def completed(at: str = NOON) -> Line:
    fact = PaymentCompleted(posting_id=POSTING, external_transaction_id=None, posted_at=at)
    return STREAM, fact


def test_money_out_is_captured_from_its_hold_against_clearing() -> None:
    out = Entry(entry_id=OUT, account_id=HERS, amount=-1_000, currency="USD")
    into = Entry(entry_id=INTO, account_code=CLEARING, amount=1_000, currency="USD")
    on_its_way().when(completion()).then(
        booked("WITHDRAWAL", out, into, PAYMENT), *leaves(), completed()
    )


def test_money_to_an_account_of_the_house_arrives_there() -> None:
    out = Entry(entry_id=OUT, account_id=HERS, amount=-1_000, currency="USD")
    into = Entry(entry_id=INTO, account_id=HIS, amount=1_000, currency="USD")
    arrived = AccountCredited(posting_id=POSTING, entry_id=INTO, amount=1_000, balance_after=1_000)
    told = on_its_way(payment_type="TRANSFER", destination_account_id=HIS).when(completion())
    told.then(
        booked("TRANSFER", out, into, PAYMENT),
        *leaves(),
        (f"account-{HIS}", arrived),
        completed(),
    )


def test_money_in_comes_from_clearing() -> None:
    out = Entry(entry_id=OUT, account_code=CLEARING, amount=-1_000, currency="USD")
    into = Entry(entry_id=INTO, account_id=HERS, amount=1_000, currency="USD")
    told = on_its_way(direction="CREDIT", payment_type="DEPOSIT").when(completion())
    told.then(
        booked("DEPOSIT", out, into, None),
        on_hers(AccountCredited, entry_id=INTO, amount=1_000, balance_after=101_000),
        completed(),
    )


def test_a_payment_is_booked_once_whatever_posting_is_offered() -> None:
    done = on_its_way().done(completion())
    done.when(completion()).then_nothing()
    done.when(completion(PAYMENT, OTHER_POSTING)).then_nothing()


def test_what_the_rail_calls_it_is_kept() -> None:
    told = on_its_way().when(
        CompletePayment(payment_id=PAYMENT, posting_id=POSTING, external_transaction_id="ext-1")
    )
    assert told.lines[-1][1] == PaymentCompleted(
        posting_id=POSTING, external_transaction_id="ext-1", posted_at=NOON
    )


def test_earlier_promises_are_kept_to_a_suspended_owner() -> None:
    suspended = on_its_way().happened((f"user-{ANNA}", UserSuspended()))
    suspended.when(completion()).told_last(PaymentCompleted)


def test_what_was_accepted_yesterday_still_counts_on_yesterday() -> None:
    told = on_its_way().at(NEXT_NOON).when(completion())
    assert not [event for _, event in told.lines if isinstance(event, DailyUsageChanged)]
    state = told.books.state(f"account-{HERS}")
    assert (state.spent_on(TODAY), state.spent_on(TOMORROW)) == (1_000, 0)


def test_a_full_destination_refuses_the_booking_and_leaves_the_hold() -> None:
    full = [line for line in TOWN if line[0] != f"account-{HIS}"]
    full += account(HIS, BORIS, balance=MINOR_MAX)
    terms = created(1_000, payment_type="TRANSFER", destination_account_id=HIS)
    story = given(full, terms).done(process(), by=AS_ADA)
    told = story.when(completion())
    told.then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    assert story.books.state(f"account-{HERS}").held == 1_000


def test_a_failed_payment_gives_its_hold_back_and_stops_counting() -> None:
    on_its_way().when(failure()).then(
        (
            f"account-{HERS}",
            HoldReleased(hold_id=PAYMENT, amount=1_000, cause="payment_failed"),
        ),
        (f"account-{HERS}", DailyUsageChanged(day=TODAY, delta=-1_000, cause=PAYMENT)),
        (
            STREAM,
            PaymentFailed(reason="payment_declined", category="business_rule", attempts=1),
        ),
    )


def test_a_payment_that_fails_the_next_day_leaves_that_day_alone() -> None:
    story = given(TOWN, created(1_000), created(2_000, OTHER_PAYMENT)).done(process(), by=AS_ADA)
    story.at(MIDNIGHT).done(process(OTHER_PAYMENT), by=AS_ADA)
    story.when(failure()).then_recorded(HoldReleased, PaymentFailed)
    assert story.books.state(f"account-{HERS}").spent_on(TOMORROW) == 2_000


def test_money_in_fails_without_a_hold() -> None:
    on_its_way(direction="CREDIT").when(failure()).then_recorded(PaymentFailed)


def test_a_payment_fails_once() -> None:
    on_its_way().done(failure()).when(failure()).then_nothing()


def test_a_payment_that_failed_at_its_start_has_nothing_to_give_back() -> None:
    dear = given(TOWN, created(100_001)).done(process(trigger="auto"))
    dear.when(failure()).then_nothing()
    assert dear.books.state(f"account-{HERS}").held == 0


def test_nobody_ends_a_payment_there_is_not() -> None:
    given(TOWN).when(completion()).then_refused(Reason.PAYMENT_NOT_FOUND)
    given(TOWN).when(failure()).then_refused(Reason.PAYMENT_NOT_FOUND)


@pytest.mark.parametrize("ending", [completion(), failure()])
def test_only_a_payment_on_its_way_can_end(ending: Any) -> None:
    waiting = given(TOWN, created(1_000))
    waiting.when(ending).then_refused(Reason.ALREADY_PROCESSED)
    waiting.done(cancel(), by=AS_ADA).when(ending).then_refused(Reason.ALREADY_PROCESSED)


STOPPED = FailPayment(
    payment_id=PAYMENT, reason="processing_cancelled", category="business_rule", attempts=0
)


def test_staff_stop_a_payment_before_it_was_submitted_and_not_after() -> None:
    on_its_way().when(STOPPED).then_recorded(HoldReleased, DailyUsageChanged, PaymentFailed)
    submitted = on_its_way().done(submission())
    submitted.when(STOPPED).then_refused(Reason.JOB_NOT_CANCELLABLE, submissions=1)
    submitted.when(failure()).told_last(PaymentFailed)


def test_booked_never_fails_and_failed_is_never_booked() -> None:
    on_its_way().done(completion()).when(failure()).then_refused(Reason.ALREADY_PROCESSED)
    on_its_way().done(failure()).when(completion()).then_refused(Reason.ALREADY_PROCESSED)
