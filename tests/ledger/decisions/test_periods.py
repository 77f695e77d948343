"""Periods and back-dating: what may still count in a month, and who may say so (P-4, P-12)."""

from typing import Any

import pytest

from ledger.aggregates.period import Closed, Open, digest_of
from ledger.commands.period import ClosePeriod
from ledger.errors import Reason
from ledger.events.period import PeriodClosed, PeriodReopened, PeriodRestated
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import (
    ALSO_HERS,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_ROBOT,
    AS_SUE,
    NOON,
    POSTING,
    REVERSAL,
    SUE,
    account,
    closing,
    identity,
    reopening,
    reversal,
    transfer,
)
from tests.builders import (
    TOWN_WITH_ROBOT as TOWN,
)
from tests.specs import given

FEBRUARY = "2026-02-20T12:00:00.000000Z"
EARLIER_THIS_MONTH = "2026-03-02T12:00:00.000000Z"
STREAM = "period-202602"


def back_dated(effective_at: str = FEBRUARY, **fields: Any) -> Any:
    return transfer(effective_at=effective_at, **fields)


def test_a_month_is_sealed_with_its_sums() -> None:
    asked = closing()
    sealed = PeriodClosed(
        period="2026-02", position=7, sums=asked.sums, digest=digest_of(asked.sums)
    )
    told = given(TOWN).when(asked, by=AS_ADA).then((STREAM, sealed))
    assert told.books.state(STREAM) == Closed(sealed, NOON, 0)


def test_a_month_that_is_not_over_is_not_sealed() -> None:
    told = given(TOWN).when(closing("2026-03"), by=AS_ADA)
    told.then_refused(Reason.INVALID_DATETIME_FORMAT, ends_at="2026-04-01T00:00:00.000000Z")
    story = given(TOWN).at("2026-04-01T00:00:00.000000Z")
    assert story.when(closing("2026-03"), by=AS_ADA).refused is None
    december = given(TOWN).at("2026-12-31T23:59:59.999999Z").when(closing("2026-12"), by=AS_ADA)
    december.then_refused(Reason.INVALID_DATETIME_FORMAT, ends_at="2027-01-01T00:00:00.000000Z")


def test_a_month_is_sealed_once_and_reopened_with_a_reason() -> None:
    story = given(TOWN).done(closing(), by=AS_ADA)
    story.when(closing(), by=AS_ADA).then_refused(Reason.ALREADY_PROCESSED, status="CLOSED")
    reopened = story.when(reopening(), by=AS_ADA)
    reopened.then((STREAM, PeriodReopened(reason="A statement came late")))
    state = story.books.state(STREAM)
    assert isinstance(state, Open)
    assert (state.reason, state.reopened_at) == ("A statement came late", NOON)
    assert state.seal is not None
    story.when(reopening(), by=AS_ADA).then_refused(Reason.ALREADY_PROCESSED, status="OPEN")
    assert story.when(closing(), by=AS_ADA).refused is None


@pytest.mark.parametrize("actor", [AS_ANNA, AS_SUE, AS_AUDREY, AS_ROBOT])
def test_only_admins_seal_and_reopen(actor: Actor) -> None:
    given(TOWN).when(closing(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    sealed = given(TOWN).done(closing(), by=AS_ADA)
    sealed.when(reopening(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_sums_that_miss_a_posting_are_not_sealed() -> None:
    story = given(TOWN).done(back_dated(), by=AS_ADA)
    story.when(closing(), by=AS_ADA).then_refused(Reason.SERVICE_UNAVAILABLE)
    assert story.when(closing(seen=1), by=AS_ADA).refused is None


def test_nothing_counts_in_a_sealed_month() -> None:
    story = given(TOWN).done(closing(), by=AS_ADA)
    refused = story.when(back_dated(), by=AS_ADA)
    refused.then_refused(Reason.PERIOD_CLOSED, period="2026-02")
    story.done(transfer(), by=AS_ANNA)
    undone = story.when(reversal(effective_at=FEBRUARY), by=AS_ADA)
    undone.then_refused(Reason.PERIOD_CLOSED, period="2026-02")
    reopened = story.done(reopening(), by=AS_ADA)
    assert reopened.when(reversal(effective_at=FEBRUARY), by=AS_ADA).refused is None


def test_a_back_dated_posting_counts_from_then_and_restates_its_month() -> None:
    told = given(TOWN).when(back_dated(), by=AS_ADA)
    assert told.view is not None
    assert told.lines[-1] == (STREAM, PeriodRestated(posting_id=POSTING))
    assert told.view.back_dated == dict.fromkeys(range(len(told.lines)), FEBRUARY)
    undoing = told.books.ask(reversal(effective_at=FEBRUARY), AS_ADA)
    facts = [event for _, _, event in undoing.events]
    assert PeriodRestated(posting_id=REVERSAL) in facts


def test_what_counts_earlier_in_the_same_month_restates_no_month_that_is_over() -> None:
    told = given(TOWN).when(back_dated(EARLIER_THIS_MONTH), by=AS_ADA)
    assert PeriodRestated not in [type(event) for _, event in told.lines]
    assert told.view is not None
    assert set(told.view.back_dated.values()) == {EARLIER_THIS_MONTH}


def test_without_a_time_it_counts_from_now() -> None:
    told = given(TOWN).when(transfer(), by=AS_ADA)
    assert told.view is not None
    assert told.view.back_dated == {}


def test_nothing_counts_from_the_future() -> None:
    later = "2026-03-14T12:00:00.000001Z"
    told = given(TOWN).when(back_dated(later), by=AS_ADA)
    told.then_refused(Reason.INVALID_DATETIME_FORMAT, field="effective_at")
    assert given(TOWN).when(back_dated(NOON), by=AS_ADA).refused is None


@pytest.mark.parametrize("actor", [AS_ADA, AS_ROBOT, SYSTEM])
def test_who_may_back_date(actor: Actor) -> None:
    assert given(TOWN).when(back_dated(), by=actor).refused is None


def test_support_may_back_date_what_they_may_transfer() -> None:
    own = identity("of support")
    town = [*TOWN, *account(own, SUE, balance=10_000)]
    asked = back_dated(source_account_id=own)
    assert given(town).when(asked, by=AS_SUE).refused is None


def test_customers_may_not_back_date() -> None:
    told = given(TOWN).when(back_dated(destination_account_id=ALSO_HERS), by=AS_ANNA)
    told.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_the_digest_is_that_of_the_sums() -> None:
    one, other = closing(), ClosePeriod(period="2026-02", position=9, sums=(), seen=0)
    assert digest_of(one.sums) != digest_of(other.sums)
    assert len(digest_of(other.sums)) == 64
