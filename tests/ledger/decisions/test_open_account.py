"""Opening an account, alone or with its first balance (ledger.md §2, §4)."""

import pytest

from ledger.entries import Entry
from ledger.errors import Reason
from ledger.events.account import AccountCredited, AccountOpened
from ledger.events.posting import PostingBooked
from ledger.events.recorded import SYSTEM, Actor
from ledger.events.user import UserSuspended
from ledger.identity import numbered_id
from tests.builders import (
    ADA,
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    HERS,
    PEOPLE,
    account,
    identity,
    opening,
)
from tests.specs import given

OPENING = identity(f"opening of {HERS}")


def test_somebody_opens_an_account_of_their_own() -> None:
    given(PEOPLE).when(opening(HERS, ANNA), by=AS_ANNA).then(*account(HERS, ANNA))


def test_an_opening_balance_is_booked_against_the_system_account_of_openings() -> None:
    into = numbered_id(OPENING, 2)
    entries = (
        Entry(
            entry_id=numbered_id(OPENING, 1),
            account_code="opening:USD",
            amount=-5_000,
            currency="USD",
        ),
        Entry(entry_id=into, account_id=HERS, amount=5_000, currency="USD"),
    )
    told = given(PEOPLE).when(opening(HERS, ANNA, opening_balance=5_000), by=AS_ADA)
    told.then(
        *account(HERS, ANNA),
        (
            f"posting-{OPENING}",
            PostingBooked(posting_id=OPENING, kind="OPENING", entries=entries),
        ),
        (
            f"account-{HERS}",
            AccountCredited(posting_id=OPENING, entry_id=into, amount=5_000, balance_after=5_000),
        ),
    )


def test_an_account_of_nobody_is_refused() -> None:
    asked = opening(HERS, identity("nobody"))
    given(PEOPLE).when(asked, by=AS_ADA).then_refused(Reason.USER_NOT_FOUND)


def test_an_account_of_somebody_suspended_is_refused() -> None:
    suspended = given(PEOPLE, (f"user-{ANNA}", UserSuspended()))
    suspended.when(opening(HERS, ANNA), by=AS_ADA).then_refused(Reason.USER_NOT_FOUND)


@pytest.mark.parametrize("actor", [AS_BORIS, AS_AUDREY])
def test_only_staff_opens_accounts_of_others(actor: Actor) -> None:
    refused = given(PEOPLE).when(opening(HERS, ANNA), by=actor)
    refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    for staff in (AS_SUE, AS_ADA, SYSTEM):
        given(PEOPLE).when(opening(HERS, ANNA), by=staff).then_recorded(AccountOpened)


@pytest.mark.parametrize("terms", [{"opening_balance": 1}, {"credit_limit": 1}])
def test_terms_are_set_by_an_admin_and_never_on_ones_own_account(terms: dict[str, int]) -> None:
    for actor, owner in ((AS_ANNA, ANNA), (AS_SUE, ANNA), (AS_ADA, ADA)):
        asked = opening(HERS, owner, account_type="CREDIT", **terms)
        refused = given(PEOPLE).when(asked, by=actor)
        refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_only_a_credit_account_may_owe() -> None:
    asked = opening(HERS, ANNA, credit_limit=1)
    given(PEOPLE).when(asked, by=AS_ADA).then_refused(Reason.CREDIT_LIMIT_NOT_ALLOWED)


def test_an_account_is_opened_and_funded_once() -> None:
    asked = opening(HERS, ANNA, opening_balance=5_000)
    given(PEOPLE).done(asked, by=AS_ADA).when(asked, by=AS_ADA).then_nothing()
