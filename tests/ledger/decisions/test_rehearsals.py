"""Rehearsing a payment: what would refuse it, without a trace (ledger.md §6.2)."""

from decimal import Decimal

import msgspec
import pytest

from ledger.aggregates.payment import Pending
from ledger.decisions.rehearsals import Rehearsal
from ledger.errors import Reason
from ledger.events.account import AccountCredited
from ledger.events.recorded import Actor
from ledger.events.user import UserSuspended
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_BORIS,
    FOREIGN,
    HERS,
    NEXT_NOON,
    OTHER_PAYMENT,
    PAYMENT,
    RULES,
    TOWN,
    account,
    identity,
    placing,
    process,
    rehearsal,
    transfer,
    wish,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import Told, given

SUSPENDED = (f"user-{ANNA}", UserSuspended())


def told(outcome: Told) -> Rehearsal:
    outcome.then_nothing()
    assert outcome.view is not None
    state = outcome.view.state(f"payment-{PAYMENT}")
    assert isinstance(state, Rehearsal)
    return state


def test_a_good_payment_is_shown_as_it_would_be() -> None:
    outcome = given(TOWN).when(rehearsal("10.00"), by=AS_ANNA)
    rehearsed = told(outcome)
    assert rehearsed.refused is None
    assert isinstance(rehearsed.payment.state, Pending)
    assert rehearsed.payment.state.terms.amount == 1_000
    assert rehearsed.account == outcome.books.memory.recall(f"account-{HERS}")


def test_nothing_remains_of_it() -> None:
    story = given(TOWN)
    before = dict(story.books.memory.entries)
    told(story.when(rehearsal(), by=AS_ANNA))
    assert before == story.books.memory.entries
    assert story.done(wish(), by=AS_ANNA).when(process(), by=AS_ANNA).refused is None


@pytest.mark.parametrize(
    ("fields", "by", "reason"),
    [
        ({"user_bank_account_id": identity("nowhere")}, AS_ANNA, Reason.ACCOUNT_NOT_FOUND),
        ({}, AS_BORIS, Reason.UNAUTHORIZED_ACCESS),
        ({"destination_account_id": FOREIGN}, AS_ANNA, Reason.CURRENCY_MISMATCH),
        ({"currency": "JPY"}, AS_ANNA, Reason.CURRENCY_MISMATCH),
        ({"amount": "1.001"}, AS_ANNA, Reason.INVALID_AMOUNT_FORMAT),
        ({"amount": "0"}, AS_ANNA, Reason.NEGATIVE_AMOUNT),
    ],
)
def test_fields_existence_and_ownership_fail_as_problems(
    fields: dict[str, str], by: Actor, reason: Reason
) -> None:
    given(TOWN).when(rehearsal(**fields), by=by).then_refused(reason)


OUTSIDE = identity("outside")
MORE = AccountCredited(
    posting_id=identity("more"), entry_id=identity("more"), amount=5_000, balance_after=45_000
)
ORDER = [
    Fault(Reason.ACCOUNT_SUSPENDED, lines=[SUSPENDED]),
    Fault(Reason.AMOUNT_TOO_SMALL, {"amount": "0.49"}),
    Fault(Reason.AMOUNT_EXCEEDS_LIMIT, {"amount": "800.01"}),
    Fault(Reason.RAIL_UNAVAILABLE, {"destination_account_id": OUTSIDE}),
    Fault(Reason.INSUFFICIENT_FUNDS, {"amount": "500.00"}),
    Fault(Reason.DAILY_LIMIT_EXCEEDED, {"amount": "400.00"}, lines=[(f"account-{HERS}", MORE)]),
    Fault(Reason.DUPLICATE_TRANSACTION),
]
"""With 1.00 on its way and 600.00 transferred, 399.00 (with MORE: 449.00) are there."""


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_reported(fault: Fault) -> None:
    outside = account(OUTSIDE, ANNA, bank_connection_id=identity("linked"))
    story = given(TOWN, outside).under(msgspec.structs.replace(RULES, amount_min=Decimal("0.50")))
    story.done(wish("1.00", payment_id=OTHER_PAYMENT), by=AS_ANNA)
    story.done(process(OTHER_PAYMENT), transfer("600.00"), by=AS_ANNA).happened(*fault.lines)
    asked = rehearsal(**{"amount": "1.00"} | fault.fields)
    rehearsed = told(story.when(asked, by=AS_ADA))
    assert rehearsed.refused is not None
    assert rehearsed.refused.reason is fault.reason


def test_a_hold_that_is_over_is_not_shown_as_held() -> None:
    story = given(TOWN).done(placing("700.00"), by=AS_ANNA)
    before = told(story.when(rehearsal("400.00"), by=AS_ANNA))
    assert before.refused is not None
    assert before.account.state.held == 70_000
    after = told(story.at(NEXT_NOON).when(rehearsal("400.00"), by=AS_ANNA))
    assert after.refused is None
    assert after.account.state.held == 0


def test_money_in_is_judged_by_limit_and_duplicates_alone() -> None:
    poor = given(TOWN).done(transfer("800.00"), by=AS_ANNA)
    assert told(poor.when(rehearsal("800.00", direction="CREDIT"), by=AS_ANNA)).refused is None
    over = told(poor.when(rehearsal("800.01", direction="CREDIT"), by=AS_ANNA)).refused
    assert over is not None
    assert over.reason is Reason.AMOUNT_EXCEEDS_LIMIT
