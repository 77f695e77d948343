"""Creating a payment: judged in the order of ledger.md §6.2; nothing moves yet."""

import pytest

from ledger.errors import Reason
from ledger.events.payment import PaymentCreated
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
    FOREIGN,
    HERS,
    HIS,
    NEXT_NOON,
    OTHER_PAYMENT,
    TOWN,
    account,
    created,
    identity,
    process,
    seal,
    wish,
)
from tests.ledger.decisions.faults import Fault, alone_and_in_pairs
from tests.specs import given

LINKED = identity("linked")
SUSPENDED = (f"user-{ANNA}", UserSuspended())


def test_a_payment_begins_as_a_wish() -> None:
    given(TOWN).when(wish("10.00"), by=AS_ANNA).then(created(1_000))


def test_everything_asked_for_is_kept() -> None:
    asked = wish(
        "10.00",
        payment_type="TRANSFER",
        destination_account_id=HIS,
        reference=seal("INV-1"),
        scheduled_at=NEXT_NOON,
        priority=3,
        processing="auto",
    )
    kept = created(
        1_000,
        payment_type="TRANSFER",
        destination_account_id=HIS,
        reference=seal("INV-1"),
        scheduled_at=NEXT_NOON,
        priority=3,
        processing="auto",
    )
    given(TOWN).when(asked, by=AS_ANNA).then(kept)


def test_the_same_payment_is_created_once() -> None:
    given(TOWN).done(wish(), by=AS_ANNA).when(wish(), by=AS_ANNA).then_nothing()


def test_an_admin_creates_it_on_behalf_of_the_owner() -> None:
    given(TOWN).when(wish("10.00"), by=AS_ADA).then(created(1_000, created_by=ADA))
    given(TOWN).when(wish("10.00"), by=SYSTEM).then(created(1_000, created_by="system"))


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (AS_BORIS, Reason.UNAUTHORIZED_ACCESS),
        (AS_SUE, Reason.UNAUTHORIZED_ACCESS),
        (AS_AUDREY, Reason.INSUFFICIENT_PERMISSIONS),
    ],
)
def test_nobody_else_pays_from_an_account(actor: Actor, reason: Reason) -> None:
    given(TOWN).when(wish(), by=actor).then_refused(reason)


def test_the_single_limit_is_passed_by_equality_in_both_directions() -> None:
    for direction in ("DEBIT", "CREDIT"):
        at_limit = given(TOWN).when(wish("800.00", direction=direction), by=AS_ANNA)
        at_limit.then_recorded(PaymentCreated)
        over = given(TOWN).when(wish("800.01", direction=direction), by=AS_ANNA)
        over.then_refused(Reason.AMOUNT_EXCEEDS_LIMIT, limit="800.00")


def test_funds_the_daily_limit_and_duplicates_are_not_judged_yet() -> None:
    poor = given(TOWN).when(wish("800.00", user_bank_account_id=ALSO_HERS), by=AS_ANNA)
    poor.then_recorded(PaymentCreated)
    spent = given(TOWN).done(wish("800.00"), process(), by=AS_ANNA)
    again = spent.when(wish("800.00", payment_id=OTHER_PAYMENT), by=AS_ANNA)
    again.then_recorded(PaymentCreated)


def test_money_may_come_in_for_a_suspended_owner() -> None:
    suspended = given(TOWN, SUSPENDED)
    suspended.when(wish(direction="CREDIT"), by=AS_ADA).then_recorded(PaymentCreated)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0.00", Reason.NEGATIVE_AMOUNT),
        ("-1", Reason.NEGATIVE_AMOUNT),
        ("0.009", Reason.AMOUNT_TOO_SMALL),
        ("1,00", Reason.INVALID_AMOUNT_FORMAT),
    ],
)
def test_an_amount_is_more_than_nothing_in_the_accounts_decimals(
    amount: str, reason: Reason
) -> None:
    given(TOWN).when(wish(amount), by=AS_ANNA).then_refused(reason)


@pytest.mark.parametrize("linked", [HERS, HIS])
def test_a_linked_account_has_no_rail_here(linked: str) -> None:
    town = [line for line in TOWN if line[0] != f"account-{linked}"]
    bound = account(linked, ANNA, balance=100_000, bank_connection_id=LINKED)
    asked = wish(payment_type="TRANSFER", destination_account_id=HIS)
    given(town, bound).when(asked, by=AS_ANNA).then_refused(Reason.RAIL_UNAVAILABLE)


NOWHERE = identity("nowhere")
OUTSIDE = identity("outside")
ORDER = [
    Fault(Reason.ACCOUNT_NOT_FOUND, {"user_bank_account_id": NOWHERE}),
    Fault(Reason.UNAUTHORIZED_ACCESS, by=AS_BORIS),
    Fault(Reason.ACCOUNT_NOT_FOUND, {"destination_account_id": NOWHERE}),
    Fault(Reason.SAME_ACCOUNT_TRANSFER, {"destination_account_id": HERS}),
    Fault(Reason.CURRENCY_MISMATCH, {"destination_account_id": FOREIGN}),
    Fault(Reason.CURRENCY_MISMATCH, {"currency": "JPY"}),
    Fault(Reason.INVALID_AMOUNT_FORMAT, {"amount": "1.001"}),
    Fault(Reason.ACCOUNT_SUSPENDED, lines=[SUSPENDED]),
    Fault(Reason.AMOUNT_EXCEEDS_LIMIT, {"amount": "800.01"}),
    Fault(Reason.RAIL_UNAVAILABLE, {"destination_account_id": OUTSIDE}),
]


@pytest.mark.parametrize("fault", alone_and_in_pairs(ORDER))
def test_the_first_fault_is_told(fault: Fault) -> None:
    outside = account(OUTSIDE, ANNA, bank_connection_id=LINKED)
    known = {"amount": "1.00", "payment_type": "TRANSFER", "destination_account_id": HIS}
    story = given(TOWN, outside).happened(*fault.lines)
    story.when(wish(**known | fault.fields), by=fault.by or AS_ANNA).then_refused(fault.reason)
