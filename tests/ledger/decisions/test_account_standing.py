"""What the state of an account allows, and whose limits count (ledger.md §3, §5.1)."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from ledger.commands.account import (
    CloseAccount,
    DeactivateAccount,
    FreezeAccount,
    SetLimits,
    StateCommand,
)
from ledger.commands.asked import Asked
from ledger.commands.command import Context
from ledger.decisions.standing import daily_limit, refuse_frozen, single_limit
from ledger.errors import Reason, Refused
from ledger.events.account import AccountCredited, AccountDebited, HoldPlaced
from ledger.events.payment import PaymentCompleted, PaymentCreated, PaymentFailed
from ledger.events.recorded import Actor
from ledger.events.transfer import TransferBooked
from ledger.events.user import UserSuspended
from tests.builders import (
    ALSO_HERS,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_BORIS,
    BORIS,
    HERS,
    HIS,
    TOWN,
    account,
    completion,
    identity,
    process,
    rehearsal,
    transfer,
    wish,
)
from tests.specs import Story, given

Stop: TypeAlias = Callable[[str], StateCommand]
MONEY_IN: dict[str, Any] = {"direction": "CREDIT", "payment_type": "DEPOSIT"}
ONWARD: dict[str, Any] = {"destination_account_id": HIS, "payment_type": "TRANSFER"}
RICH = identity("rich")
AS_ROBOT = Actor(type="service", id=identity("robot"), role="service")


def freeze(account_id: str) -> StateCommand:
    return FreezeAccount(account_id=account_id, reason="suspicious")


def rest(account_id: str) -> StateCommand:
    return DeactivateAccount(account_id=account_id)


every_stop = pytest.mark.parametrize(
    ("stop", "reason"), [(rest, Reason.ACCOUNT_INACTIVE), (freeze, Reason.ACCOUNT_FROZEN)]
)


def suspended(story: Story) -> Story:
    return story.happened((f"user-{ANNA}", UserSuspended()))


@every_stop
def test_nothing_leaves_a_stopped_account_by_command(stop: Stop, reason: Reason) -> None:
    story = given(TOWN).done(wish(), by=AS_ANNA).done(stop(HERS))
    for command in (transfer(), wish(payment_id=ALSO_HERS), process()):
        story.when(command, by=AS_ANNA).then_refused(reason)


@every_stop
def test_nothing_enters_a_stopped_account_by_command(stop: Stop, reason: Reason) -> None:
    story = given(TOWN).done(wish(**ONWARD), by=AS_ANNA).done(stop(HIS))
    story.when(transfer(), by=AS_ANNA).then_refused(reason)
    story.when(process(), by=AS_ANNA).then_refused(reason)
    into = wish(payment_id=ALSO_HERS, user_bank_account_id=HIS, **MONEY_IN)
    story.when(into, by=AS_ADA).then_refused(reason)


@pytest.mark.parametrize("stop", [rest, freeze])
def test_what_was_promised_is_kept(stop: Stop) -> None:
    story = given(TOWN).done(wish(**ONWARD), process(), by=AS_ANNA).done(stop(HERS), stop(HIS))
    told = story.when(completion())
    told.told_last(PaymentCompleted)
    kinds = {type(event) for _, event in told.lines}
    assert {AccountDebited, AccountCredited} <= kinds


def test_the_owner_is_judged_after_the_account() -> None:
    suspended(given(TOWN)).when(transfer(), by=AS_ADA).then_refused(Reason.ACCOUNT_SUSPENDED)
    story = suspended(given(TOWN)).done(freeze(HERS))
    story.when(transfer(), by=AS_ADA).then_refused(Reason.ACCOUNT_FROZEN)


def test_money_may_come_to_an_account_whose_owner_is_suspended() -> None:
    into = suspended(given(TOWN)).when(wish(**MONEY_IN), by=AS_ADA)
    into.then_recorded(PaymentCreated)
    story = suspended(given(TOWN, account(RICH, BORIS, balance=500)))
    back = transfer("1.00", source_account_id=RICH, destination_account_id=HERS)
    story.when(back, by=AS_BORIS).told_last(TransferBooked)


def test_a_background_start_on_a_stopped_account_is_the_end_of_the_payment() -> None:
    story = given(TOWN).done(wish(), by=AS_ANNA).done(freeze(HERS))
    told = story.when(process(trigger="auto"))
    told.told_last(PaymentFailed)
    assert told.lines[-1][1].reason == "account_frozen"  # type: ignore[attr-defined]


def test_a_rehearsal_says_what_processing_would() -> None:
    told = given(TOWN).done(freeze(HIS)).when(rehearsal(**ONWARD), by=AS_ANNA)
    assert told.view is not None
    refused = told.view.state(f"payment-{wish().payment_id}").refused
    assert refused.reason is Reason.ACCOUNT_FROZEN


def test_a_closed_account_gets_no_entry_any_more() -> None:
    story = given(TOWN).done(CloseAccount(account_id=HIS))
    story.when(transfer(), by=AS_ANNA).then_refused(Reason.ACCOUNT_INACTIVE)


def limits(**told: Any) -> SetLimits:
    return SetLimits(account_id=HERS, **told)


def test_limits_of_its_own_count_at_once_and_null_is_the_default_again() -> None:
    story = given(TOWN).done(limits(single_limit="5.00"), by=AS_ADA)
    story.when(transfer("5.01"), by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit="5.00")
    story.when(wish("5.01"), by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    story.when(wish("5.01", **MONEY_IN), by=AS_ANNA).then_refused(Reason.AMOUNT_EXCEEDS_LIMIT)
    story.done(limits(single_limit="900.00"), by=AS_ADA)
    story.when(transfer("850.00"), by=AS_ANNA).told_last(TransferBooked)
    story.done(limits(single_limit=None, daily_limit="860.00"), by=AS_ADA)
    other = {"transfer_id": ANNA, "posting_id": HERS}
    story.when(transfer("10.01", **other), by=AS_ANNA).then_refused(
        Reason.DAILY_LIMIT_EXCEEDED, daily_limit="860.00", daily_spent="850.00"
    )
    story.done(wish("10.01"), by=AS_ANNA)
    story.when(process(), by=AS_ANNA).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    story.done(limits(daily_limit=None), by=AS_ADA)
    told = story.when(process(), by=AS_ANNA)
    assert HoldPlaced in {type(event) for _, event in told.lines}


def test_a_limit_of_nothing_lets_nothing_through() -> None:
    story = given(TOWN).done(limits(daily_limit="0"), by=AS_ADA)
    story.when(transfer("0.01"), by=AS_ANNA).then_refused(Reason.DAILY_LIMIT_EXCEEDED)
    own = transfer("0.01", destination_account_id=ALSO_HERS)
    story.when(own, by=AS_ANNA).told_last(TransferBooked)


def test_credit_is_spent_to_the_last_minor_unit() -> None:
    lines = account(RICH, BORIS, account_type="CREDIT", credit_limit=10_000)
    story = given(TOWN, lines)
    out = {"source_account_id": RICH, "destination_account_id": HIS}
    story.when(transfer("100.01", **out), by=AS_BORIS).then_refused(Reason.INSUFFICIENT_FUNDS)
    story.when(transfer("100.00", **out), by=AS_BORIS).told_last(TransferBooked)
    again = {"transfer_id": ANNA, "posting_id": HERS}
    told = story.when(transfer("0.01", **out, **again), by=AS_BORIS)
    told.then_refused(Reason.INSUFFICIENT_FUNDS)


def test_services_have_no_limits() -> None:
    books = given(TOWN).done(limits(single_limit="5.00", daily_limit="6.00")).books
    state = books.state(f"account-{HERS}")
    for caller, told in ((AS_ROBOT, (None, None)), (AS_ANNA, (500, 600))):
        view = books.view(Context(actor=caller, correlation_id="req_test"), Asked())
        assert told == (single_limit(view, state), daily_limit(view, state))


def test_a_hold_of_a_client_is_completed_unless_its_account_is_frozen() -> None:
    books = given(TOWN).done(rest(HERS), freeze(HIS)).books
    refuse_frozen(books.state(f"account-{HERS}"))
    with pytest.raises(Refused, match="account_frozen"):
        refuse_frozen(books.state(f"account-{HIS}"))
