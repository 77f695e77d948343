"""Holds: promised funds, captured or given back, and what they count against (ledger.md §5.3)."""

from typing import Any

import pytest

from ledger.aggregates import account, account_states
from ledger.commands.account import AccountCommand, CaptureHold, PlaceHold, ReleaseHold
from ledger.errors import Reason
from ledger.events.account import (
    AccountCredited,
    AccountCreditLimitChanged,
    AccountDebited,
    AccountEvent,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldReleased,
)
from ledger.money import MINOR_MAX
from tests.builders import (
    ANNA,
    HERS,
    NEXT_NOON,
    NOON,
    POSTING,
    TODAY,
    TOMORROW,
    held,
    identity,
    seal,
)
from tests.specs import Decider

given = Decider[account_states.Account, AccountCommand, AccountEvent](
    account.decide, account.evolve, account_states.UNOPENED
).given
ENTRY, HOLD, OTHER = identity("entry"), identity("hold"), identity("other hold")
RICH: list[AccountEvent] = [
    AccountOpened(
        user_id=ANNA,
        currency="USD",
        account_type="CHECKING",
        account_name=seal("Everyday"),
        last_four="1234",
        credit_limit=0,
    ),
    AccountCredited(posting_id=POSTING, entry_id=ENTRY, amount=1_000, balance_after=1_000),
]
HELD: list[AccountEvent] = [
    *RICH,
    held(400, HOLD),
    DailyUsageChanged(day=TODAY, delta=400, cause=HOLD),
]


def place(amount: int, hold_id: str = HOLD, **terms: Any) -> PlaceHold:
    known: dict[str, Any] = {
        "purpose": "PAYMENT",
        "placed_by": ANNA,
        "payment_id": hold_id,
        "description": seal("Groceries"),
        "single_limit": None,
        "daily_limit": 1_000,
        "now": NOON,
    }
    return PlaceHold(account_id=HERS, hold_id=hold_id, amount=amount, **(known | terms))


def capture(amount: int, *, final: bool = True) -> CaptureHold:
    return CaptureHold(
        account_id=HERS,
        hold_id=HOLD,
        amount=amount,
        posting_id=POSTING,
        entry_id=ENTRY,
        final=final,
    )


def release(hold_id: str = HOLD) -> ReleaseHold:
    return ReleaseHold(account_id=HERS, hold_id=hold_id, cause="payment_failed")


def captured(amount: int, *, final: bool = True) -> HoldCaptured:
    return HoldCaptured(hold_id=HOLD, amount=amount, posting_id=POSTING, final=final)


def debited(amount: int, balance_after: int) -> AccountDebited:
    return AccountDebited(
        posting_id=POSTING, entry_id=ENTRY, amount=amount, balance_after=balance_after
    )


def counted(delta: int, day: str = TODAY, cause: str = HOLD) -> DailyUsageChanged:
    return DailyUsageChanged(day=day, delta=delta, cause=cause)


def released(amount: int) -> HoldReleased:
    return HoldReleased(hold_id=HOLD, amount=amount, cause="payment_failed")


def test_a_hold_promises_funds_and_counts_on_its_day() -> None:
    given(*RICH).when(place(400)).then(held(400, HOLD), counted(400))


def test_a_hold_without_a_daily_limit_does_not_count() -> None:
    given(*RICH).when(place(400, daily_limit=None)).then(held(400, HOLD))


def test_the_same_hold_is_promised_once() -> None:
    given(*HELD).when(place(400)).then()


def test_the_last_cent_can_be_held_and_no_cent_more() -> None:
    given(*HELD).when(place(600, OTHER)).then(held(600, OTHER), counted(600, cause=OTHER))
    given(*HELD).when(place(601, OTHER)).then_refused(Reason.INSUFFICIENT_FUNDS)


def test_all_promises_together_stay_in_the_64_bit_range() -> None:
    credit = AccountCreditLimitChanged(before=0, to=MINOR_MAX)
    most = given(*RICH, credit, held(MINOR_MAX - 1, OTHER))
    most.when(place(1, daily_limit=None)).then(held(1, HOLD))
    most.when(place(2, daily_limit=None)).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)


def test_a_hold_is_judged_like_a_debit() -> None:
    given(*RICH).when(place(701, single_limit=700)).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    given(*RICH).when(place(701, daily_limit=700)).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    for amount in (0, -1):
        with pytest.raises(AssertionError):
            given(*RICH).when(place(amount)).decided()


def test_what_other_holds_count_is_spent() -> None:
    given(*HELD).when(place(101, OTHER, daily_limit=500)).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    given(*HELD).when(place(100, OTHER, daily_limit=500)).then(
        held(100, OTHER), counted(100, cause=OTHER)
    )


def test_a_capture_turns_the_promise_into_a_debit() -> None:
    given(*HELD).when(capture(400)).then(captured(400), debited(400, 600))


def test_a_captured_hold_still_counts_and_is_held_no_more() -> None:
    state = given(*HELD, captured(400), debited(400, 600)).state
    assert isinstance(state, account_states.Open)
    assert (state.held, state.available, state.spent_on(TODAY), state.holds) == (0, 600, 400, {})


def test_the_rest_of_a_final_capture_is_released_and_forgotten() -> None:
    given(*HELD).when(capture(300)).then(captured(300), debited(300, 700), counted(-100))
    state = given(*HELD, captured(300), debited(300, 700), counted(-100)).state
    assert isinstance(state, account_states.Open)
    assert (state.held, state.available, state.spent_on(TODAY)) == (0, 700, 300)


def test_a_partial_capture_leaves_the_rest_held() -> None:
    given(*HELD).when(capture(300, final=False)).then(captured(300, final=False), debited(300, 700))
    partly = given(*HELD, captured(300, final=False), debited(300, 700))
    assert isinstance(partly.state, account_states.Open)
    assert (partly.state.held, partly.state.available) == (100, 600)
    partly.when(capture(101, final=False)).then_refused(Reason.HOLD_AMOUNT_EXCEEDED)
    partly.when(release()).then(released(100), counted(-100))


def test_capturing_all_that_remains_is_final() -> None:
    given(*HELD).when(capture(400, final=False)).then(captured(400), debited(400, 600))


def test_no_more_than_what_remains_can_be_captured() -> None:
    given(*HELD).when(capture(401)).then_refused(Reason.HOLD_AMOUNT_EXCEEDED)
    for amount in (0, -1):
        with pytest.raises(AssertionError):
            given(*HELD).when(capture(amount)).decided()


def test_a_hold_is_captured_to_the_end_once() -> None:
    history = [*HELD, captured(400), debited(400, 600)]
    given(*history).when(capture(400)).then_refused(Reason.HOLD_NOT_ACTIVE)
    given(*RICH).when(capture(1)).then_refused(Reason.HOLD_NOT_ACTIVE)


def test_a_released_hold_is_available_again_and_forgotten() -> None:
    given(*HELD).when(release()).then(released(400), counted(-400))
    state = given(*HELD, released(400), counted(-400)).state
    assert isinstance(state, account_states.Open)
    assert (state.held, state.available, state.spent_on(TODAY)) == (0, 1_000, 0)


def test_a_hold_that_never_counted_is_not_forgotten() -> None:
    given(*RICH, held(400, HOLD)).when(release()).then(released(400))


def test_a_hold_released_after_its_day_leaves_the_new_day_alone() -> None:
    history = [*HELD, held(100, OTHER, day=TOMORROW), counted(100, TOMORROW, OTHER)]
    given(*history).when(release()).then(released(400))
    state = given(*history, released(400)).state
    assert isinstance(state, account_states.Open)
    assert state.spent_on(TOMORROW) == 100


def test_a_released_hold_is_released_once() -> None:
    given(*HELD, released(400), counted(-400)).when(release()).then()
    given(*RICH).when(release(OTHER)).then()


def test_a_new_day_has_the_whole_limit_while_old_holds_stay_held() -> None:
    given(*HELD).when(place(600, OTHER, daily_limit=600, now=NEXT_NOON)).then(
        held(600, OTHER, day=TOMORROW), counted(600, TOMORROW, OTHER)
    )
