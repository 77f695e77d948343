"""Starting a payment: the checks of ledger.md §6.3, by a caller or in the background."""

import pytest

from ledger.errors import Reason
from ledger.events.account import AccountCredited, DailyUsageChanged, HoldPlaced
from ledger.events.payment import PaymentFailed, PaymentProcessingStarted
from ledger.events.recorded import SYSTEM, Actor
from ledger.events.user import UserSuspended
from tests.builders import (
    ADA,
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
    OTHER_PAYMENT,
    PAYMENT,
    TODAY,
    TOWN,
    account,
    cancel,
    created,
    failure,
    held,
    identity,
    process,
    seal,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import given

STREAM = f"payment-{PAYMENT}"
STARTED = (STREAM, PaymentProcessingStarted(hold_id=PAYMENT, trigger="caller"))
MONEY_IN = created(1_000, direction="CREDIT", payment_type="DEPOSIT")
SUSPENDED = (f"user-{ANNA}", UserSuspended())


def credited(balance_after: int) -> AccountCredited:
    more = identity("more")
    return AccountCredited(posting_id=more, entry_id=more, amount=1, balance_after=balance_after)


def test_a_debit_holds_its_funds_counts_on_the_day_and_starts() -> None:
    given(TOWN, created(1_000)).when(process(), by=AS_ANNA).then(
        (f"account-{HERS}", held(1_000)),
        (f"account-{HERS}", DailyUsageChanged(day=TODAY, delta=1_000, cause=PAYMENT)),
        STARTED,
    )


def test_the_hold_knows_where_the_money_goes_and_why() -> None:
    terms = created(
        1_000, payment_type="TRANSFER", destination_account_id=HIS, reference=seal("INV-1")
    )
    told = given(TOWN, terms).when(process(), by=AS_ADA)
    hold = held(1_000, placed_by=ADA, destination_account_id=HIS, reference=seal("INV-1"))
    assert told.lines[0] == (f"account-{HERS}", hold)


def test_a_payment_starts_once() -> None:
    started = given(TOWN, created(1_000)).done(process(), by=AS_ANNA)
    refused = started.when(process(), by=AS_ANNA)
    refused.then_refused(Reason.ALREADY_PROCESSED, status="PROCESSING")


@pytest.mark.parametrize("actor", [AS_BORIS, AS_SUE, AS_AUDREY])
def test_only_the_owner_or_an_admin_starts_it(actor: Actor) -> None:
    refused = given(TOWN, created(1_000)).when(process(), by=actor)
    refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_money_in_on_the_book_rail_is_confirmed_by_an_admin_who_does_not_own_the_account() -> None:
    started = (STREAM, PaymentProcessingStarted(hold_id=None, trigger="caller"))
    given(TOWN, MONEY_IN).when(process(), by=AS_ADA).then(started)
    given(TOWN, MONEY_IN).when(process(), by=AS_ANNA).then_refused(Reason.CONFIRMATION_REQUIRED)
    own = identity("ada's own")
    terms = created(1_000, direction="CREDIT", user_bank_account_id=own, user_id=ADA)
    own_money = given(TOWN, account(own, ADA), terms)
    own_money.when(process(), by=AS_ADA).then_refused(Reason.CONFIRMATION_REQUIRED)


def test_money_in_is_started_by_a_signed_webhook() -> None:
    started = (STREAM, PaymentProcessingStarted(hold_id=None, trigger="webhook"))
    given(TOWN, MONEY_IN).when(process(trigger="webhook"), by=SYSTEM).then(started)


@pytest.mark.parametrize("trigger", ["auto", "schedule"])
@pytest.mark.parametrize("actor", [SYSTEM, AS_ADA])
def test_money_in_never_starts_by_itself(trigger: str, actor: Actor) -> None:
    told = given(TOWN, MONEY_IN).when(process(trigger=trigger), by=actor)
    told.then(
        (STREAM, PaymentProcessingStarted(hold_id=None, trigger=trigger)),
        (
            STREAM,
            PaymentFailed(reason="confirmation_required", category="authorization", attempts=1),
        ),
    )


def test_a_suspended_owner_can_be_paid_and_cannot_pay() -> None:
    given(TOWN, created(1_000), SUSPENDED).when(process(), by=AS_ADA).then_refused(
        Reason.ACCOUNT_SUSPENDED
    )
    given(TOWN, MONEY_IN, SUSPENDED).when(process(), by=AS_ADA).then_recorded(
        PaymentProcessingStarted
    )


def test_the_last_cent_can_be_paid_and_no_cent_more() -> None:
    poor = [line for line in TOWN if line[0] != f"account-{HERS}"]
    poor += account(HERS, ANNA, balance=1_000)
    given(poor, created(1_000)).when(process(), by=AS_ANNA).then_recorded(
        HoldPlaced, DailyUsageChanged, PaymentProcessingStarted
    )
    refused = given(poor, created(1_001)).when(process(), by=AS_ANNA)
    refused.then_refused(Reason.INSUFFICIENT_FUNDS, available="10.00")


def test_the_single_limit_is_judged_again_in_both_directions() -> None:
    for direction in ("DEBIT", "CREDIT"):
        over = given(TOWN, created(80_001, direction=direction))
        over.when(process(), by=AS_ADA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
        at_limit = given(TOWN, created(80_000, direction=direction))
        assert at_limit.when(process(), by=AS_ADA).refused is None


def test_the_daily_limit_restarts_at_midnight_utc() -> None:
    rich = (f"account-{HERS}", credited(500_000))
    spent = given(TOWN, rich, created(80_000), created(20_001, OTHER_PAYMENT))
    spent.done(process(), by=AS_ANNA)
    refused = spent.when(process(OTHER_PAYMENT), by=AS_ANNA)
    refused.then_refused(Reason.DAILY_LIMIT_EXCEEDED, daily_limit="1000.00", daily_spent="800.00")
    assert spent.at(MIDNIGHT).when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None


def test_a_payment_that_failed_the_same_day_stops_counting() -> None:
    spent = given(TOWN, created(80_000), created(80_000, OTHER_PAYMENT))
    spent.done(process(), by=AS_ANNA).done(failure())
    assert spent.when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None
    assert spent.books.state(f"account-{HERS}").spent_on(TODAY) == 80_000


def test_money_in_does_not_count() -> None:
    given(TOWN, MONEY_IN).when(process(), by=AS_ADA).then_recorded(PaymentProcessingStarted)


@pytest.mark.parametrize("trigger", ["auto", "schedule", "webhook"])
def test_a_check_that_fails_in_the_background_is_the_payments_end(trigger: str) -> None:
    told = given(TOWN, created(70_000, user_bank_account_id=ALSO_HERS)).when(
        process(trigger=trigger)
    )
    told.then(
        (STREAM, PaymentProcessingStarted(hold_id=None, trigger=trigger)),
        (STREAM, PaymentFailed(reason="insufficient_funds", category="business_rule", attempts=1)),
    )
    again = given(TOWN, created(70_000, user_bank_account_id=ALSO_HERS))
    again.done(process(trigger=trigger)).when(process(trigger=trigger)).then_refused(
        Reason.ALREADY_PROCESSED
    )


def test_a_background_trigger_still_needs_a_pending_payment() -> None:
    given(TOWN).when(process(trigger="auto")).then_refused(Reason.PAYMENT_NOT_FOUND)
    called_off = given(TOWN, created(1_000)).done(cancel(), by=AS_ANNA)
    called_off.when(process(trigger="auto")).then_refused(
        Reason.ALREADY_PROCESSED, status="CANCELLED"
    )


ORDER = [
    Fault(Reason.PAYMENT_NOT_FOUND, {"payment_id": identity("no payment")}),
    Fault(Reason.INSUFFICIENT_PERMISSIONS, by=AS_BORIS),
    Fault(Reason.VERSION_CONFLICT, if_match=(7,)),
    Fault(Reason.ALREADY_PROCESSED, {"payment_id": OTHER_PAYMENT}),
    Fault(Reason.ACCOUNT_SUSPENDED, lines=[SUSPENDED]),
    Fault(Reason.AMOUNT_EXCEEDS_LIMIT, {"payment_id": identity("too large")}),
    Fault(Reason.INSUFFICIENT_FUNDS, {"payment_id": identity("too dear")}),
    Fault(Reason.DAILY_LIMIT_EXCEEDED, {"payment_id": identity("too much today")}),
    Fault(Reason.DUPLICATE_TRANSACTION, {"payment_id": identity("the same again")}),
]
"""With 700.00 of the day's 1,000.00 on their way, and 450.00 left."""


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_told(fault: Fault) -> None:
    story = given(
        TOWN,
        created(69_000, identity("earlier")),
        created(1_000, OTHER_PAYMENT, description=seal("Other")),
        (f"account-{HERS}", credited(115_000)),
    )
    story.done(process(identity("earlier")), process(OTHER_PAYMENT), by=AS_ANNA)
    story.happened(
        created(1_000),
        created(80_001, identity("too large")),
        created(69_000, identity("too dear")),
        created(40_000, identity("too much today")),
        created(1_000, identity("the same again"), description=seal("Other")),
        *fault.lines,
    )
    asked = process(**{"payment_id": PAYMENT} | fault.fields)
    told = story.when(asked, by=fault.by or AS_ANNA, if_match=fault.if_match)
    told.then_refused(fault.reason)


def test_confirmation_is_asked_after_the_status_and_before_the_owners_state() -> None:
    done = given(TOWN, MONEY_IN).done(process(), by=AS_ADA)
    done.when(process(), by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED)
    large = given(TOWN, created(80_001, direction="CREDIT"))
    large.when(process(), by=AS_ANNA).then_refused(Reason.CONFIRMATION_REQUIRED)


def test_the_version_asked_for_must_be_the_payments() -> None:
    story = given(TOWN, created(1_000))
    story.when(process(), by=AS_ANNA, if_match=(2, 3)).then_refused(
        Reason.VERSION_CONFLICT, current_version=1
    )
    assert story.when(process(), by=AS_ANNA, if_match=(3, 1)).refused is None


def test_somebody_elses_payment_is_not_judged_further() -> None:
    terms = created(1_000, user_id=BORIS, user_bank_account_id=HIS)
    refused = given(TOWN, terms).when(process(), by=AS_ANNA)
    refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)
