"""The duplicate rule (ledger.md §6.5): what is the same, and for how long."""

from typing import Any

import msgspec
import pytest

from ledger.errors import Reason
from ledger.events.payment import PaymentCompleted
from tests.builders import (
    ALSO_HERS,
    AS_ADA,
    AS_ANNA,
    BORIS,
    HIS,
    OTHER_PAYMENT,
    OTHER_POSTING,
    PAYMENT,
    RULES,
    TOWN,
    account,
    completion,
    created,
    failure,
    process,
    seal,
)
from tests.specs import Story, given

WINDOW_ENDS = "2026-03-14T12:05:00.000000Z"
JUST_WITHIN = "2026-03-14T12:04:59.999999Z"
NO_RULE = msgspec.structs.replace(RULES, detect_duplicates=False)


def two(**other: Any) -> Story:
    """Return a town with one payment on its way and another that waits."""
    town = [line for line in TOWN if line[0] not in {f"account-{ALSO_HERS}", f"account-{HIS}"}]
    town += account(ALSO_HERS, "anna", balance=5_000) + account(HIS, BORIS, balance=5_000)
    fields: dict[str, Any] = {"amount": 1_000} | other
    story = given(town, created(1_000), created(payment_id=OTHER_PAYMENT, **fields))
    return story.done(process(), by=AS_ANNA)


def test_the_same_payment_again_is_refused_while_the_first_is_on_its_way() -> None:
    two().when(process(OTHER_PAYMENT), by=AS_ANNA).then_refused(Reason.DUPLICATE_TRANSACTION)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 1_001},
        {"description": seal("groceries")},
        {"direction": "CREDIT"},
        {"user_id": BORIS, "user_bank_account_id": HIS},
    ],
)
def test_another_amount_text_direction_or_user_is_another_payment(other: dict[str, Any]) -> None:
    assert two(**other).when(process(OTHER_PAYMENT), by=AS_ADA).refused is None


@pytest.mark.parametrize(
    "other", [{"payment_type": "PAYMENT"}, {"description": seal(" Groceries ")}]
)
def test_type_and_blanks_around_the_text_do_not_count(other: dict[str, Any]) -> None:
    two(**other).when(process(OTHER_PAYMENT), by=AS_ANNA).then_refused(Reason.DUPLICATE_TRANSACTION)


def test_the_account_does_not_count() -> None:
    story = given(
        TOWN,
        created(1_000, direction="CREDIT"),
        created(1_000, OTHER_PAYMENT, direction="CREDIT", user_bank_account_id=ALSO_HERS),
    )
    story.done(process(), by=AS_ADA).when(process(OTHER_PAYMENT), by=AS_ADA).then_refused(
        Reason.DUPLICATE_TRANSACTION
    )


def test_a_completed_payment_counts_until_its_window_ends() -> None:
    story = two().done(completion())
    within = story.at(JUST_WITHIN).when(process(OTHER_PAYMENT), by=AS_ANNA)
    within.then_refused(Reason.DUPLICATE_TRANSACTION)
    assert story.at(WINDOW_ENDS).when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None


def test_the_window_begins_when_it_was_booked() -> None:
    story = two().at(JUST_WITHIN).done(completion())
    later = story.at(WINDOW_ENDS).when(process(OTHER_PAYMENT), by=AS_ANNA)
    later.then_refused(Reason.DUPLICATE_TRANSACTION)


def test_a_failed_payment_may_be_asked_for_again_at_once() -> None:
    assert two().done(failure()).when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None


def test_the_later_payment_has_a_window_of_its_own() -> None:
    story = two().done(completion()).at(WINDOW_ENDS)
    story.done(process(OTHER_PAYMENT), by=AS_ANNA)
    story.done(completion(OTHER_PAYMENT, OTHER_POSTING))
    third = created(1_000, "third")
    story.happened((f"payment-{PAYMENT[:-1]}0", third[1]))
    refused = story.when(process(f"{PAYMENT[:-1]}0"), by=AS_ANNA)
    refused.then_refused(Reason.DUPLICATE_TRANSACTION)


def test_the_rule_can_be_off() -> None:
    story = two().under(NO_RULE)
    assert story.when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None
    story.done(failure()).when(completion(OTHER_PAYMENT)).told_last(PaymentCompleted)


def test_switched_on_in_between_the_rule_leaves_others_claims_alone() -> None:
    story = two().under(NO_RULE).done(process(OTHER_PAYMENT), by=AS_ANNA).under(RULES)
    story.done(completion(OTHER_PAYMENT, OTHER_POSTING)).done(failure())
    third = f"{PAYMENT[:-1]}0"
    story.happened((f"payment-{third}", created(1_000)[1]))
    assert story.when(process(third), by=AS_ANNA).refused is None
