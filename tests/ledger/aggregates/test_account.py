"""Account: opening, funds, limits and the counter of the day (ledger.md §3, §5.1)."""

from typing import Any

import pytest

from ledger.aggregates import account, account_states
from ledger.commands.account import AccountCommand, CreditAccount, DebitAccount, OpenAccount
from ledger.errors import Reason
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    AccountEvent,
    AccountOpened,
    DailyUsageChanged,
)
from ledger.money import MINOR_MAX
from tests.builders import (
    ANNA,
    BEFORE_MIDNIGHT,
    HERS,
    MIDNIGHT,
    NOON,
    OTHER_POSTING,
    POSTING,
    TODAY,
    TOMORROW,
    held,
    identity,
    opening,
    seal,
)
from tests.specs import Decider

given = Decider[account_states.Account, AccountCommand, AccountEvent](
    account.decide, account.evolve, account_states.UNOPENED
).given
ENTRY = identity("entry")


def opened(kind: str = "CHECKING", credit_limit: int = 0) -> AccountOpened:
    return AccountOpened(
        user_id=ANNA,
        currency="USD",
        account_type=kind,
        account_name=seal("Everyday"),
        last_four="1234",
        credit_limit=credit_limit,
    )


def credited(amount: int, balance_after: int) -> AccountCredited:
    return AccountCredited(
        posting_id=POSTING, entry_id=ENTRY, amount=amount, balance_after=balance_after
    )


def debited(amount: int, balance_after: int) -> AccountDebited:
    return AccountDebited(
        posting_id=POSTING, entry_id=ENTRY, amount=amount, balance_after=balance_after
    )


def credit(amount: int) -> CreditAccount:
    return CreditAccount(account_id=HERS, posting_id=POSTING, entry_id=ENTRY, amount=amount)


def debit(amount: int, **terms: Any) -> DebitAccount:
    known: dict[str, Any] = {"single_limit": None, "daily_limit": None, "now": NOON}
    return DebitAccount(
        account_id=HERS, posting_id=POSTING, entry_id=ENTRY, amount=amount, **(known | terms)
    )


def counted(day: str, delta: int, cause: str = POSTING) -> DailyUsageChanged:
    return DailyUsageChanged(day=day, delta=delta, cause=cause)


RICH: list[AccountEvent] = [opened(), credited(1_000, 1_000)]


def test_an_account_opens_with_the_terms_that_were_asked_for() -> None:
    given().when(opening(HERS, ANNA)).then(opened())


def test_opening_it_again_changes_nothing() -> None:
    given(opened()).when(opening(HERS, ANNA)).then()


def test_a_credit_account_may_owe() -> None:
    asked = opening(HERS, ANNA, account_type="CREDIT", credit_limit=5_000)
    given().when(asked).then(opened("CREDIT", 5_000))


@pytest.mark.parametrize("kind", ["CHECKING", "SAVINGS", "INVESTMENT"])
def test_no_other_account_may_owe(kind: str) -> None:
    asked: OpenAccount = opening(HERS, ANNA, account_type=kind, credit_limit=1)
    given().when(asked).then_refused(Reason.CREDIT_LIMIT_NOT_ALLOWED)


@pytest.mark.parametrize("command", [credit(1), debit(1)])
def test_an_unknown_account_takes_no_command(command: CreditAccount | DebitAccount) -> None:
    given().when(command).then_refused(Reason.ACCOUNT_NOT_FOUND)


def test_a_credit_adds_to_the_balance() -> None:
    given(*RICH).when(credit(5)).then(credited(5, 1_005))


def test_a_balance_may_reach_the_end_of_the_range() -> None:
    given(opened()).when(credit(MINOR_MAX)).then(credited(MINOR_MAX, MINOR_MAX))


def test_a_balance_may_not_leave_the_range() -> None:
    given(opened(), credited(1, 1)).when(credit(MINOR_MAX)).then_refused(
        Reason.AMOUNT_EXCEEDS_LIMIT
    )


def test_the_last_cent_can_be_debited() -> None:
    given(*RICH).when(debit(1_000)).then(debited(1_000, 0))


def test_one_cent_more_is_refused() -> None:
    given(*RICH).when(debit(1_001)).then_refused(Reason.INSUFFICIENT_FUNDS)


def test_what_is_held_cannot_be_debited() -> None:
    given(*RICH, held(400)).when(debit(601)).then_refused(Reason.INSUFFICIENT_FUNDS)
    given(*RICH, held(400)).when(debit(600)).then(debited(600, 400))


def test_a_credit_account_can_be_debited_down_to_its_limit() -> None:
    owing = given(opened("CREDIT", 500), credited(100, 100))
    owing.when(debit(600)).then(debited(600, -500))
    owing.when(debit(601)).then_refused(Reason.INSUFFICIENT_FUNDS)


def test_equality_passes_the_single_limit() -> None:
    given(*RICH).when(debit(700, single_limit=700)).then(debited(700, 300))


def test_one_cent_over_the_single_limit_is_refused() -> None:
    given(*RICH).when(debit(701, single_limit=700)).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)


def test_the_single_limit_is_told_before_the_funds() -> None:
    given(opened()).when(debit(701, single_limit=700)).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)


def test_the_funds_are_told_before_the_daily_limit() -> None:
    given(opened()).when(debit(701, daily_limit=700)).then_refused(Reason.INSUFFICIENT_FUNDS)


def test_equality_passes_the_daily_limit() -> None:
    history = [*RICH, counted(TODAY, 300)]
    given(*history).when(debit(700, daily_limit=1_000)).then(debited(700, 300), counted(TODAY, 700))


def test_one_cent_over_the_daily_limit_is_refused() -> None:
    history = [*RICH, counted(TODAY, 301)]
    given(*history).when(debit(700, daily_limit=1_000)).then_refused(Reason.DAILY_LIMIT_EXCEEDED)


def test_a_movement_without_a_daily_limit_does_not_count() -> None:
    history = [*RICH, counted(TODAY, 1_000)]
    given(*history).when(debit(700)).then(debited(700, 300))


def test_the_counter_restarts_at_midnight_utc() -> None:
    history = [*RICH, counted(TODAY, 1_000)]
    late = debit(1, daily_limit=1_000, now=BEFORE_MIDNIGHT)
    given(*history).when(late).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    fresh = debit(1_000, daily_limit=1_000, now=MIDNIGHT)
    given(*history).when(fresh).then(debited(1_000, 0), counted(TOMORROW, 1_000))


def test_a_past_day_cannot_move_the_counter_of_this_one() -> None:
    history = [*RICH, counted(TODAY, 900), counted(TOMORROW, 100), counted(TODAY, -900)]
    asked = debit(901, daily_limit=1_000, now=MIDNIGHT)
    given(*history).when(asked).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    given(*history).when(debit(900, daily_limit=1_000, now=MIDNIGHT)).then(
        debited(900, 100), counted(TOMORROW, 900)
    )


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_moves_without_an_amount(amount: int) -> None:
    for command in (credit(amount), debit(amount)):
        with pytest.raises(AssertionError):
            given(*RICH).when(command).decided()


def test_an_account_opens_first_and_once() -> None:
    with pytest.raises(AssertionError):
        given(credited(1, 1))
    with pytest.raises(AssertionError):
        given(opened(), opened())


def test_what_may_be_spent_is_balance_less_holds_plus_credit() -> None:
    state = given(opened("CREDIT", 500), credited(100, 100), held(30)).state
    assert isinstance(state, account_states.Open)
    assert state.available == 570
    assert state.shown(state.available) == "5.70"
    assert state.spent_on(OTHER_POSTING) == 0
