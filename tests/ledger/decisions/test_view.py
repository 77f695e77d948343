"""View: a decision sees its own wishes, and unique keys are written as they are."""

import pytest

from ledger.commands.asked import Asked
from ledger.commands.command import Context
from ledger.decisions.view import Claim, ClaimChange, View
from ledger.errors import Reason, Refused
from ledger.events.recorded import SYSTEM
from ledger.events.user import UserSuspended
from tests.builders import ANNA, BORIS, NOON, PEOPLE
from tests.ledger.books import Books

NAME = ("email", "anna@example.com")
PAST = "2026-03-14T11:59:59.999999Z"


def view(books: Books) -> View:
    return books.view(Context(actor=SYSTEM, correlation_id="req_test"), Asked())


def holding(claim: Claim) -> Books:
    books = Books()
    first = view(books)
    first.take(*NAME, claim, Reason.EMAIL_ALREADY_EXISTS)
    books.accept(first)
    return books


def test_a_free_key_is_inserted() -> None:
    mine = view(Books())
    mine.take(*NAME, Claim(ANNA), Reason.EMAIL_ALREADY_EXISTS)
    assert mine.claims == {NAME: ClaimChange(existed=False, after=Claim(ANNA))}


def test_a_key_that_somebody_holds_is_refused_with_the_reason_asked_for() -> None:
    mine = view(holding(Claim(BORIS)))
    with pytest.raises(Refused) as refused:
        mine.take(*NAME, Claim(ANNA), Reason.EMAIL_ALREADY_EXISTS)
    assert refused.value.reason is Reason.EMAIL_ALREADY_EXISTS
    assert mine.claims == {}


def test_a_key_whose_time_is_over_is_free_and_its_row_is_updated() -> None:
    for expires_at in (PAST, NOON):
        mine = view(holding(Claim(BORIS, expires_at)))
        assert mine.claim(*NAME) is None
        mine.take(*NAME, Claim(ANNA), Reason.EMAIL_ALREADY_EXISTS)
        assert mine.claims == {NAME: ClaimChange(existed=True, after=Claim(ANNA))}


def test_only_its_holder_gives_a_key_back() -> None:
    mine = view(holding(Claim(BORIS)))
    mine.release(*NAME, ANNA)
    assert mine.claims == {}
    mine.release(*NAME, BORIS)
    assert mine.claims == {NAME: ClaimChange(existed=True, after=None)}


def test_a_key_may_change_hands_within_one_command() -> None:
    mine = view(holding(Claim(BORIS)))
    mine.release(*NAME, BORIS)
    assert mine.claim(*NAME) is None
    mine.take(*NAME, Claim(ANNA), Reason.EMAIL_ALREADY_EXISTS)
    assert mine.claim(*NAME) == Claim(ANNA)
    assert mine.claims == {NAME: ClaimChange(existed=True, after=Claim(ANNA))}


def test_a_decision_sees_what_it_wished() -> None:
    books = Books()
    books.happened(*PEOPLE)
    mine = view(books)
    mine.record(f"user-{ANNA}", UserSuspended())
    assert mine.state(f"user-{ANNA}").status == "SUSPENDED"
    assert mine.load(f"user-{ANNA}").version == 2
    assert books.state(f"user-{ANNA}").status == "ACTIVE"


def test_wishing_nothing_changes_nothing() -> None:
    books = Books()
    books.happened(*PEOPLE)
    mine = view(books)
    mine.record(f"user-{ANNA}")
    assert (mine.changed, mine.events) == ({}, [])


def test_the_asker_may_name_the_version_that_is_meant() -> None:
    books = Books()
    books.happened(*PEOPLE)
    context = Context(actor=SYSTEM, correlation_id="req_test")
    books.view(context, Asked(if_match=(3, 1))).match_version(f"user-{ANNA}")
    for versions in ((), (2,)):
        with pytest.raises(Refused) as refused:
            books.view(context, Asked(if_match=versions)).match_version(f"user-{ANNA}")
        assert refused.value.details == {"current_version": 1}
