"""Holds of clients: who places and releases them, what they count, when they are over (§5.3)."""

from datetime import timedelta
from typing import Any

import pytest

from ledger.commands.hold import ExpireHolds
from ledger.decisions.holds import HoldTold
from ledger.decisions.view import Claim, claim_key
from ledger.errors import Reason
from ledger.events.account import (
    AccountDebited,
    DailyUsageChanged,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.payment import PaymentFailed, PaymentProcessingStarted
from ledger.events.recorded import SYSTEM, Actor
from ledger.events.user import UserSuspended
from ledger.times import later
from tests.builders import (
    ADA,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_ROBOT,
    AS_SUE,
    BEFORE_MIDNIGHT,
    FOREIGN,
    HERS,
    HIS,
    HOLD,
    NOON,
    OTHER_HOLD,
    OTHER_PAYMENT,
    OTHER_POSTING,
    PAYMENT,
    TODAY,
    Line,
    account,
    capturing,
    created,
    failure,
    held,
    identity,
    placing,
    process,
    releasing,
    seal,
    transfer,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import Told, given

ON_HERS = f"account-{HERS}"
SUSPENDED = (f"user-{ANNA}", UserSuspended())
ONE_SECOND_BEFORE, THE_END = (later(NOON, timedelta(seconds=each)) for each in (3_599, 3_600))
SWEEP = ExpireHolds(account_id=HERS)


def placed(amount: int = 1_000, hold_id: str = HOLD, **fields: Any) -> Line:
    known: dict[str, Any] = {
        "purpose": "CLIENT",
        "payment_id": None,
        "description": seal("Deposit"),
    }
    return ON_HERS, held(amount, hold_id, **({"expires_at": THE_END} | known | fields))


def counted(delta: int, day: str = TODAY, cause: str = HOLD) -> Line:
    return ON_HERS, DailyUsageChanged(day=day, delta=delta, cause=cause)


def expired(amount: int, hold_id: str = HOLD) -> Line:
    return ON_HERS, HoldExpired(hold_id=hold_id, amount=amount)


def told(outcome: Told) -> HoldTold:
    assert outcome.refused is None, outcome.refused
    assert outcome.view is not None
    state = outcome.view.state(f"hold-{HOLD}")
    assert isinstance(state, HoldTold)
    return state


def test_a_hold_promises_funds_until_its_time_is_over() -> None:
    outcome = given(TOWN).when(placing("10.00"), by=AS_ANNA)
    outcome.then(placed(), counted(1_000))
    hold = told(outcome)
    assert (hold.status, hold.captured, hold.remaining, hold.version) == ("ACTIVE", 0, 1_000, 1)
    assert (hold.user_id, hold.account_id, hold.placed_at) == (ANNA, HERS, NOON)
    state = outcome.books.state(ON_HERS)
    assert (state.balance, state.held, state.available) == (100_000, 1_000, 99_000)


def test_it_says_where_the_money_may_go() -> None:
    asked = placing(destination_account_id=HIS, reference=seal("INV-1"), currency="USD")
    fields: dict[str, Any] = {
        "destination_account_id": HIS,
        "reference": seal("INV-1"),
        "placed_by": ADA,
    }
    given(TOWN).when(asked, by=AS_ADA).then(placed(**fields), counted(1_000))


def test_the_account_of_a_hold_is_found_by_its_id_as_long_as_there_are_books() -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA)
    name = claim_key("hold", HOLD)
    assert story.books.memory.entries[name] == Claim(f"{HERS} {ANNA} ACTIVE 1")
    story.done(releasing(), by=AS_ANNA)
    assert story.books.memory.entries[name] == Claim(f"{HERS} {ANNA} RELEASED 2")


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (AS_BORIS, Reason.UNAUTHORIZED_ACCESS),
        (AS_SUE, Reason.UNAUTHORIZED_ACCESS),
        (AS_AUDREY, Reason.INSUFFICIENT_PERMISSIONS),
    ],
)
def test_nobody_else_promises_the_funds_of_an_account(actor: Actor, reason: Reason) -> None:
    given(TOWN).when(placing(), by=actor).then_refused(reason)


def test_a_service_is_not_limited_and_does_not_count() -> None:
    outcome = given(TOWN).when(placing("1000.00"), by=AS_ROBOT)
    outcome.then(placed(100_000, placed_by=AS_ROBOT.id))
    over = given(TOWN).when(placing("1000.01"), by=AS_ROBOT)
    over.then_refused(
        Reason.INSUFFICIENT_FUNDS, available="1000.00", required="1000.01", currency="USD"
    )


OUTSIDE = identity("outside")
ORDER = [
    Fault(Reason.ACCOUNT_NOT_FOUND, {"account_id": identity("nowhere")}),
    Fault(Reason.ACCOUNT_NOT_FOUND, {"destination_account_id": identity("nowhere")}),
    Fault(Reason.UNAUTHORIZED_ACCESS, by=AS_BORIS),
    Fault(Reason.SAME_ACCOUNT_TRANSFER, {"destination_account_id": HERS}),
    Fault(Reason.CURRENCY_MISMATCH, {"destination_account_id": FOREIGN}),
    Fault(Reason.RAIL_UNAVAILABLE, {"destination_account_id": OUTSIDE}),
    Fault(Reason.CURRENCY_MISMATCH, {"currency": "JPY"}),
    Fault(Reason.INVALID_AMOUNT_FORMAT, {"amount": "1.001"}),
    Fault(Reason.ACCOUNT_SUSPENDED, lines=[SUSPENDED]),
    Fault(Reason.AMOUNT_EXCEEDS_LIMIT, {"amount": "800.01"}),
    Fault(Reason.INSUFFICIENT_FUNDS, {"amount": "400.01"}),
    Fault(Reason.DAILY_LIMIT_EXCEEDED, {"amount": "400.00"}),
]
"""With 600.00 of 1,000.00 transferred and 0.01 held, 399.99 are left of both."""


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_told(fault: Fault) -> None:
    outside = account(OUTSIDE, ANNA, bank_connection_id=identity("linked"))
    story = given(TOWN, outside).done(transfer("600.00"), by=AS_ANNA)
    story.happened(counted(1, cause=POCKET), *fault.lines)
    known = {"amount": "1.00", "destination_account_id": HIS}
    story.when(placing(**known | fault.fields), by=fault.by or AS_ANNA).then_refused(fault.reason)


POCKET = identity("pocket")


def test_a_linked_account_has_its_money_elsewhere() -> None:
    town = [line for line in TOWN if line[0] != ON_HERS]
    linked = account(HERS, ANNA, balance=100_000, bank_connection_id=identity("linked"))
    given(town, linked).when(placing(), by=AS_ANNA).then_refused(Reason.RAIL_UNAVAILABLE)


def test_a_hold_counts_to_its_last_moment() -> None:
    story = given(TOWN).done(placing("800.00"), by=AS_ANNA).at(ONE_SECOND_BEFORE)
    story.when(transfer("200.01"), by=AS_ANNA).then_refused(
        Reason.INSUFFICIENT_FUNDS, available="200.00"
    )
    story.when(SWEEP).then_nothing()


def test_from_its_end_on_it_counts_no_more_whoever_asks_first() -> None:
    over = [expired(80_000), counted(-80_000)]
    story = given(TOWN).done(placing("800.00"), by=AS_ANNA).at(THE_END)
    moved = story.when(transfer("800.00"), by=AS_ANNA)
    on_hers = [line for line in moved.lines if line[0] == ON_HERS]
    assert on_hers[:2] == over
    assert [type(event) for _, event in on_hers[2:]] == [AccountDebited, DailyUsageChanged]
    again = given(TOWN).done(placing("800.00"), by=AS_ANNA).at(THE_END)
    assert again.when(placing("800.00", OTHER_HOLD), by=AS_ANNA).lines[:2] == over
    paid = given(TOWN).done(placing("800.00"), by=AS_ANNA).at(THE_END).happened(created(80_000))
    assert paid.when(process(), by=AS_ANNA).lines[:2] == over
    given(TOWN).done(placing("800.00"), by=AS_ANNA).at(THE_END).when(SWEEP).then(*over)


def test_the_end_of_a_hold_is_recorded_once() -> None:
    story = given(TOWN).done(placing(), placing("20.00", OTHER_HOLD), by=AS_ANNA).at(THE_END)
    story.when(SWEEP).then(
        expired(1_000),
        counted(-1_000),
        expired(2_000, OTHER_HOLD),
        counted(-2_000, cause=OTHER_HOLD),
    )
    story.when(SWEEP).then_nothing()
    state = story.books.state(ON_HERS)
    assert (state.held, state.available, state.lapses_at, state.holds) == (0, 100_000, None, {})


def test_the_first_end_of_several_is_known() -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA)
    story.done(placing("1.00", OTHER_HOLD, expires_in_seconds=60), by=AS_ANNA)
    assert story.books.state(ON_HERS).lapses_at == later(NOON, timedelta(seconds=60))
    story.at(ONE_SECOND_BEFORE).when(SWEEP).then(
        expired(100, OTHER_HOLD), counted(-100, cause=OTHER_HOLD)
    )
    assert story.books.state(ON_HERS).lapses_at == THE_END
    story.done(releasing(), by=AS_ANNA)
    assert story.books.state(ON_HERS).lapses_at is None


def test_a_hold_of_yesterday_frees_nothing_of_today() -> None:
    story = given(TOWN).at(BEFORE_MIDNIGHT).done(placing("500.00"), by=AS_ANNA)
    story.at("2026-03-15T00:30:00.000000Z").done(placing("1.00", OTHER_HOLD), by=AS_ANNA)
    story.at("2026-03-15T00:59:59.999999Z").when(SWEEP).then(expired(50_000))
    assert story.books.state(ON_HERS).spent_on("2026-03-15") == 100


def test_the_holds_of_payments_never_end_by_time() -> None:
    story = given(TOWN, created(1_000)).done(process(), by=AS_ANNA)
    story.at("2027-01-01T00:00:00.000000Z").when(SWEEP).then_nothing()
    assert story.books.state(ON_HERS).held == 1_000


def test_a_released_hold_gives_everything_back() -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA)
    outcome = story.when(releasing(), by=AS_ANNA)
    outcome.then(
        (ON_HERS, HoldReleased(hold_id=HOLD, amount=1_000, cause="caller")), counted(-1_000)
    )
    hold = told(outcome)
    assert (hold.status, hold.captured, hold.remaining, hold.version) == ("RELEASED", 0, 0, 2)


@pytest.mark.parametrize("actor", [AS_SUE, AS_ADA, AS_ROBOT, SYSTEM])
def test_staff_and_services_release_it_too(actor: Actor) -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA)
    assert story.when(releasing(), by=actor).refused is None


def test_who_placed_a_hold_owns_it_and_not_whose_account_it_is() -> None:
    hers = given(TOWN).done(placing(), by=AS_ADA)
    hers.when(releasing(), by=AS_ANNA).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    for actor in (AS_BORIS, AS_AUDREY):
        own = given(TOWN).done(placing(), by=AS_ANNA)
        own.when(releasing(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_what_has_ended_says_how() -> None:
    released = given(TOWN).done(placing(), releasing(), by=AS_ANNA)
    captured = given(TOWN).done(placing(), capturing(), by=AS_ANNA)
    lapsed = given(TOWN).done(placing(), by=AS_ANNA).at(THE_END).done(SWEEP)
    for story, status in ((released, "RELEASED"), (captured, "CAPTURED"), (lapsed, "EXPIRED")):
        for asked in (releasing(), capturing(posting_id=identity("again"))):
            story.when(asked, by=AS_ANNA).then_refused(Reason.HOLD_NOT_ACTIVE, status=status)


@pytest.mark.parametrize("asked", [releasing(), capturing()])
def test_touching_a_hold_that_is_over_records_it(asked: Any) -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA).at(THE_END)
    outcome = story.when(asked, by=AS_ANNA)
    outcome.then_recorded_and_refused(Reason.HOLD_NOT_ACTIVE, expired(1_000), counted(-1_000))
    story.when(asked, by=AS_ANNA).then_refused(Reason.HOLD_NOT_ACTIVE, status="EXPIRED")


def test_the_version_is_the_holds_own() -> None:
    story = given(TOWN).done(placing(), capturing("4.00", final=False), by=AS_ANNA)
    story.done(transfer("1.00", posting_id=OTHER_POSTING), by=AS_ANNA)
    story.when(releasing(), by=AS_ANNA, if_match=(1, 7)).then_refused(
        Reason.VERSION_CONFLICT, current_version=2
    )
    story.at(THE_END).done(SWEEP)
    story.when(releasing(), by=AS_ANNA, if_match=(2,)).then_refused(
        Reason.VERSION_CONFLICT, current_version=3
    )
    story.when(releasing(), by=AS_ANNA, if_match=(3,)).then_refused(Reason.HOLD_NOT_ACTIVE)
    story.when(releasing(), by=AS_BORIS, if_match=(2,)).then_refused(
        Reason.INSUFFICIENT_PERMISSIONS
    )


@pytest.mark.parametrize("actor", [AS_ANNA, AS_ADA, AS_BORIS])
def test_the_hold_of_a_payment_is_its_payments_own(actor: Actor) -> None:
    story = given(TOWN, created(1_000)).done(process(), by=AS_ANNA)
    for asked in (releasing(PAYMENT), capturing(hold_id=PAYMENT)):
        story.when(asked, by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    done = story.done(failure())
    done.when(releasing(PAYMENT), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_hold_there_is_not_is_not_found() -> None:
    waiting = given(TOWN, created(1_000))
    for hold_id in (HOLD, PAYMENT):
        for asked in (releasing(hold_id), capturing(hold_id=hold_id)):
            waiting.when(asked, by=AS_ADA).then_refused(Reason.HOLD_NOT_FOUND)
    poor = given(TOWN, created(100_001, OTHER_PAYMENT))
    refused = poor.when(process(OTHER_PAYMENT, "auto"))
    refused.then_recorded(PaymentProcessingStarted, PaymentFailed)
    poor.when(releasing(OTHER_PAYMENT), by=AS_ADA).then_refused(Reason.HOLD_NOT_FOUND)


def test_a_hold_is_placed_once_and_a_spent_id_is_not_used_again() -> None:
    story = given(TOWN).done(placing(), by=AS_ANNA)
    again = story.when(placing(), by=AS_ANNA)
    again.then_nothing()
    assert told(again).remaining == 1_000
    story.done(releasing(), by=AS_ANNA)
    story.when(placing(), by=AS_ANNA).then_refused(Reason.HOLD_NOT_ACTIVE)


def test_a_hold_placed_together_with_the_end_of_another_is_the_only_one_left() -> None:
    story = given(TOWN).done(placing("1000.00"), by=AS_ROBOT).at(THE_END)
    story.when(placing("700.00", OTHER_HOLD), by=AS_ANNA).then_recorded(
        HoldExpired, HoldPlaced, DailyUsageChanged
    )
    assert story.books.state(ON_HERS).held == 70_000
