"""Between the wish and the rail: cancelling, and the way to the rail (ledger.md §6.1, §6.4)."""

import pytest

from ledger.errors import Reason
from ledger.events.payment import PaymentCancelled, PaymentEdited, PaymentSubmitted
from ledger.events.recorded import SYSTEM, Actor
from tests.builders import (
    ANNA,
    AS_ADA,
    AS_ANNA,
    AS_AUDREY,
    AS_BORIS,
    AS_SUE,
    OTHER_PAYMENT,
    PAYMENT,
    TOWN,
    cancel,
    completion,
    created,
    edit,
    failure,
    process,
    seal,
    submission,
)
from tests.specs import given

STREAM = f"payment-{PAYMENT}"
WAITING = [*TOWN, created(1_000)]


def test_the_owner_calls_a_waiting_payment_off() -> None:
    given(WAITING).when(cancel(), by=AS_ANNA).then(
        (STREAM, PaymentCancelled(cause="caller", by=ANNA))
    )


@pytest.mark.parametrize("actor", [AS_SUE, AS_ADA, SYSTEM])
def test_so_may_staff(actor: Actor) -> None:
    given(WAITING).when(cancel(), by=actor).then_recorded(PaymentCancelled)


@pytest.mark.parametrize("actor", [AS_BORIS, AS_AUDREY])
def test_and_nobody_else(actor: Actor) -> None:
    given(WAITING).when(cancel(), by=actor).then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_a_payment_there_is_not_cannot_be_called_off() -> None:
    given(TOWN).when(cancel(), by=AS_ANNA).then_refused(Reason.PAYMENT_NOT_FOUND)


def test_the_version_is_judged_before_the_status_and_after_the_rights() -> None:
    gone = given(WAITING).done(cancel(), by=AS_ANNA)
    gone.when(cancel(), by=AS_ANNA, if_match=(1,)).then_refused(
        Reason.VERSION_CONFLICT, current_version=2
    )
    gone.when(cancel(), by=AS_BORIS, if_match=(1,)).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    gone.when(cancel(), by=AS_ANNA, if_match=(2,)).then_refused(Reason.ALREADY_PROCESSED)


def test_only_a_waiting_payment_can_be_called_off() -> None:
    started = given(WAITING).done(process(), by=AS_ANNA)
    started.when(cancel(), by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="PROCESSING")
    started.done(completion())
    started.when(cancel(), by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="COMPLETED")
    failed = given(WAITING).done(process(), by=AS_ANNA).done(failure())
    failed.when(cancel(), by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="FAILED")
    again = given(WAITING).done(cancel(), by=AS_ANNA)
    again.when(cancel(), by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="CANCELLED")


def test_a_waiting_payment_says_what_it_is_told_to() -> None:
    story = given(WAITING)
    new = (STREAM, PaymentEdited(description=seal("Books"), reference=None))
    story.when(edit(description=seal("Books")), by=AS_ANNA).then(new)
    both = (STREAM, PaymentEdited(description=seal("Pens"), reference=seal("INV-2")))
    story.when(edit(description=seal("Pens"), reference=seal("INV-2")), by=AS_ADA).then(both)
    terms = story.books.state(STREAM).terms
    assert (terms.description, terms.reference) == (seal("Pens"), seal("INV-2"))
    assert terms.amount == 1_000


def test_what_it_says_already_is_not_recorded_again() -> None:
    story = given(WAITING).done(edit(reference=seal("INV-2")), by=AS_ANNA)
    story.when(edit(description=seal("Groceries"), reference=seal("INV-2"))).then_nothing()
    story.when(edit(description=seal("Books"), reference=seal("INV-2"))).then(
        (STREAM, PaymentEdited(description=seal("Books"), reference=None))
    )


def test_what_is_edited_is_what_makes_a_duplicate() -> None:
    story = given(WAITING, created(1_000, OTHER_PAYMENT)).done(process(), by=AS_ANNA)
    story.when(process(OTHER_PAYMENT), by=AS_ANNA).then_refused(
        Reason.DUPLICATE_TRANSACTION, window_minutes=5
    )
    story.done(edit(OTHER_PAYMENT, description=seal("Other")), by=AS_ANNA)
    assert story.when(process(OTHER_PAYMENT), by=AS_ANNA).refused is None


@pytest.mark.parametrize("actor", [AS_BORIS, AS_SUE, AS_AUDREY])
def test_only_the_owner_or_an_admin_edits(actor: Actor) -> None:
    refused = given(WAITING).when(edit(description=seal("Books")), by=actor)
    refused.then_refused(Reason.INSUFFICIENT_PERMISSIONS)


def test_only_a_waiting_payment_is_edited() -> None:
    asked = edit(description=seal("Books"))
    given(TOWN).when(asked, by=AS_ANNA).then_refused(Reason.PAYMENT_NOT_FOUND)
    started = given(WAITING).done(process(), by=AS_ANNA)
    started.when(asked, by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="PROCESSING")
    started.when(asked, by=AS_ANNA, if_match=(1,)).then_refused(
        Reason.VERSION_CONFLICT, current_version=2
    )
    started.when(asked, by=AS_BORIS, if_match=(1,)).then_refused(Reason.INSUFFICIENT_PERMISSIONS)
    gone = given(WAITING).done(cancel(), by=AS_ANNA)
    gone.when(asked, by=AS_ANNA).then_refused(Reason.ALREADY_PROCESSED, status="CANCELLED")


def test_the_way_to_the_rail_is_recorded_once() -> None:
    started = given(WAITING).done(process(), by=AS_ANNA)
    first = (STREAM, PaymentSubmitted(rail_reference=None, attempt=1))
    started.when(submission()).then(first)
    started.when(submission()).then_nothing()
    started.when(submission(attempt=2, ref="rail-7")).then(
        (STREAM, PaymentSubmitted(rail_reference="rail-7", attempt=2))
    )


def test_asking_in_vain_leaves_the_payment_as_it_was() -> None:
    started = given(WAITING).done(process(), by=AS_ANNA).done(submission())
    before = started.books.memory.recall(STREAM)
    started.at("2026-03-14T13:00:00.000000Z").when(submission()).then_nothing()
    assert before == started.books.memory.recall(STREAM)
