"""Starting a payment over HTTP: the order of the checks, and what is the same (AC-59, AC-61)."""

from collections.abc import Iterator

import pytest

from ledger.commands.account import (
    ActivateAccount,
    DeactivateAccount,
    FreezeAccount,
    SetLimits,
    UnfreezeAccount,
)
from ledger.commands.command import Command, Context
from ledger.commands.payment import CompletePayment, FailPayment
from ledger.commands.transfer import MakeTransfer
from ledger.commands.user import ReactivateUser, SuspendUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from tests.api.counter import Counter, opened

WINDOW_SECONDS = 300
ADMIN = f"admin:{new_id()}"
MONEY_IN = {"direction": "CREDIT", "payment_type": "DEPOSIT"}


@pytest.fixture(scope="module")
def counter(module_database: str) -> Iterator[Counter]:
    with opened(module_database) as running:
        yield running


@pytest.fixture
def anna(counter: Counter) -> str:
    return counter.customer()


def tell(counter: Counter, *commands: Command) -> None:
    for command in commands:
        counter.ledger.handle_blocking(command, Context(actor=SYSTEM, correlation_id="req_test"))


def pour(anna: str, source: str, destination: str, amount: str) -> MakeTransfer:
    return MakeTransfer(
        transfer_id=new_id(),
        posting_id=new_id(),
        source_account_id=source,
        destination_account_id=destination,
        amount=amount,
        currency=None,
        description=Private("pocket money", anna.partition(":")[2]),
    )


def completed(payment_id: str) -> CompletePayment:
    return CompletePayment(payment_id=payment_id, posting_id=new_id())


def test_of_all_that_is_wrong_with_money_out_the_first_check_is_told(
    counter: Counter, anna: str
) -> None:
    stranger, boris, user_id = counter.customer(), counter.customer(), anna.partition(":")[2]
    short, rich = counter.account(anna, 40_000), counter.account(anna)
    destination = counter.account(boris, 0)
    fields = {"description": "one car", "payment_type": "TRANSFER"}
    payment, gone = (
        counter.payment(anna, short, "500.00", destination_account_id=destination, **fields)
        for _ in range(2)
    )
    twin = counter.payment(anna, rich, "500.00", description="one car")
    assert counter.process(anna, twin) == "PROCESSING"
    assert counter.ask(anna, "DELETE", f"/api/payments/{gone}").status_code == 200
    tell(
        counter,
        FreezeAccount(account_id=short, reason="lost card"),
        SuspendUser(user_id=user_id),
        DeactivateAccount(account_id=destination),
        SetLimits(account_id=short, daily_limit="499.99", single_limit="499.99"),
    )
    for each in (payment, gone):
        assert counter.process(stranger, each, if_match='"9"') == "insufficient_permissions"
        assert counter.process(anna, each, if_match='"9"') == "version_conflict"
    assert counter.process(anna, gone) == "already_processed"
    for reason, mended in (
        ("account_frozen", UnfreezeAccount(account_id=short, reason="found")),
        ("account_suspended", ReactivateUser(user_id=user_id)),
        ("account_inactive", ActivateAccount(account_id=destination)),
        (
            "amount_exceeds_limit",
            SetLimits(account_id=short, daily_limit="499.99", single_limit=None),
        ),
        ("insufficient_funds", pour(anna, rich, short, "100.00")),
        ("daily_limit_exceeded", SetLimits(account_id=short, daily_limit=None)),
        ("duplicate_transaction", completed(twin)),
    ):
        assert counter.process(anna, payment) == reason
        tell(counter, mended)
    counter.pass_seconds(WINDOW_SECONDS)
    assert counter.process(anna, payment) == "PROCESSING"
    assert counter.process(stranger, payment) == "insufficient_permissions"
    assert counter.process(anna, payment) == "already_processed"


def test_of_all_that_is_wrong_with_money_in_the_first_check_is_told(
    counter: Counter, anna: str
) -> None:
    account = counter.account(anna)
    twin, payment = (
        counter.payment(anna, account, "500.00", description="a gift", **MONEY_IN) for _ in range(2)
    )
    assert counter.process(ADMIN, twin) == "PROCESSING"
    tell(
        counter,
        FreezeAccount(account_id=account, reason="lost card"),
        SetLimits(account_id=account, daily_limit="1.00", single_limit="499.99"),
    )
    assert counter.process(anna, payment) == "confirmation_required"
    for reason, mended in (
        ("account_frozen", UnfreezeAccount(account_id=account, reason="found")),
        ("amount_exceeds_limit", SetLimits(account_id=account, single_limit=None)),
        ("duplicate_transaction", completed(twin)),
    ):
        assert counter.process(ADMIN, payment) == reason
        tell(counter, mended)
    counter.pass_seconds(WINDOW_SECONDS)
    assert counter.process(ADMIN, payment) == "PROCESSING"


def test_a_duplicate_is_one_until_the_window_has_passed_or_the_other_failed(
    counter: Counter, anna: str
) -> None:
    account, elsewhere = counter.account(anna), counter.account(anna)
    first, second, third, fourth, *more = (
        counter.payment(anna, each, "5.00", description="lunch")
        for each in (account, elsewhere) * 4
    )
    assert counter.process(anna, first) == "PROCESSING"
    assert counter.process(anna, second) == "duplicate_transaction"
    declined = FailPayment(
        payment_id=first, reason="payment_declined", category="business_rule", attempts=1
    )
    tell(counter, declined)
    assert counter.process(anna, second) == "PROCESSING"
    tell(counter, completed(second))
    assert counter.process(anna, third) == "duplicate_transaction"
    refund = counter.payment(anna, account, "5.00", description="lunch", **MONEY_IN)
    assert counter.process(ADMIN, refund) == "PROCESSING"
    counter.pass_seconds(WINDOW_SECONDS - 1)
    assert counter.process(anna, third) == "duplicate_transaction"
    counter.pass_seconds(1)
    for each in (third, fourth, *more):
        assert counter.process(anna, each) == "PROCESSING"
        tell(counter, completed(each))
        counter.pass_seconds(WINDOW_SECONDS)
