"""Messages from outside: each taken once, and what it means wherever the payment stands."""

from datetime import timedelta

import pytest

from ledger.commands.connection import RevokeConnection
from ledger.commands.payment import CancelPayment, ProcessPayment, RecordSubmission
from ledger.errors import Reason
from ledger.events.account import AccountFrozen, DailyUsageChanged, HoldReleased
from ledger.events.audit import FraudReported
from ledger.events.connection import SyncRequested
from ledger.events.payment import (
    PaymentCancelled,
    PaymentCompleted,
    PaymentFailed,
    PaymentProcessingStarted,
)
from ledger.events.posting import PostingBooked
from ledger.events.reconciliation import AmountMismatchFound, LateSettlementFound
from ledger.events.webhook import WebhookReceived
from ledger.times import later
from tests.builders import AS_ANNA, NOON, PEOPLE, identity
from tests.ledger.banking import (
    CONNECTION,
    MIRRORED,
    finish,
    paying,
    reported,
    suspected,
    told_news,
)
from tests.specs import Story, given

PAYMENT = identity("payment out")
START = ProcessPayment(payment_id=PAYMENT)
SENT = RecordSubmission(payment_id=PAYMENT, rail_reference=None, attempt=1)


def waiting() -> Story:
    return given(PEOPLE).done(*MIRRORED, paying())


def under_way() -> Story:
    return waiting().done(START, by=AS_ANNA).done(SENT)


def status(story: Story) -> str:
    return str(story.books.state(f"payment-{PAYMENT}").__struct_config__.tag)


@pytest.mark.parametrize("story", [waiting, under_way])
def test_completed_settles_a_payment_once(story: "type[Story]") -> None:
    told = story()
    kinds = [type(event) for _, event in told.when(reported()).lines]
    assert kinds.count(PaymentCompleted) == kinds.count(PostingBooked) == 1
    told.when(reported()).then_nothing()
    told.when(reported(name="evt 2")).then_recorded(WebhookReceived)
    assert status(told) == "COMPLETED"


def test_a_message_is_forgotten_after_its_time() -> None:
    told = waiting()
    told.when(reported())
    told.at(later(NOON, timedelta(days=29))).when(reported()).then_nothing()
    told.at(later(NOON, timedelta(days=30))).when(reported()).then_recorded(WebhookReceived)


def test_a_check_that_says_no_fails_the_payment() -> None:
    story = given(PEOPLE).done(*MIRRORED, paying("200.00"))
    told = story.when(reported(amount="200.00"))
    kinds = [type(event) for _, event in told.lines]
    assert kinds == [PaymentProcessingStarted, PaymentFailed, WebhookReceived]


@pytest.mark.parametrize("word", ["failed", "cancelled"])
def test_a_no_gives_the_hold_back(word: str) -> None:
    story = under_way()
    story.when(reported(word)).then_recorded(
        HoldReleased, DailyUsageChanged, PaymentFailed, WebhookReceived
    )
    assert story.books.state(f"payment-{PAYMENT}").reason == "payment_declined"
    end = {"failed": "FAILED", "cancelled": "CANCELLED"}
    untouched = waiting().done(reported(word))
    assert status(untouched) == end[word]


def test_the_reason_of_a_failure_is_taken_when_it_is_known() -> None:
    story = under_way().done(reported("failed", failure_reason="insufficient_funds"))
    assert story.books.state(f"payment-{PAYMENT}").reason == "insufficient_funds"


def test_too_late_is_a_discrepancy() -> None:
    story = waiting().done(CancelPayment(payment_id=PAYMENT), by=AS_ANNA)
    story.when(reported()).then_recorded(LateSettlementFound, WebhookReceived)
    story.when(reported("failed", name="evt 2")).then_recorded(WebhookReceived)
    assert story.books.state(f"webhook-{identity('evt 2')}").result == "conflict"


@pytest.mark.parametrize("more", [{"amount": "5.01"}, {"currency": "EUR"}])
def test_another_amount_changes_nothing_but_is_found(more: dict[str, str]) -> None:
    story = under_way()
    told = story.when(reported(**more))
    assert told.refused is not None
    assert told.refused.reason is Reason.WEBHOOK_PROCESSING_FAILED
    assert [type(event) for _, event in told.lines] == [AmountMismatchFound, WebhookReceived]
    story.when(reported(**more)).then_refused(Reason.WEBHOOK_PROCESSING_FAILED)
    assert status(story) == "PROCESSING"


def test_news_ask_for_a_sync_of_what_lives() -> None:
    story = given(PEOPLE).done(*MIRRORED)
    story.when(told_news()).then_recorded(WebhookReceived)
    story.done(finish())
    story.when(told_news("evt 2")).then_recorded(SyncRequested, WebhookReceived)
    story.when(told_news("evt 2")).then_nothing()
    story.done(RevokeConnection(connection_id=CONNECTION))
    story.when(told_news("evt 3")).then_recorded(WebhookReceived)
    assert story.books.state(f"webhook-{identity('evt 3')}").jobs == ()


def test_grave_suspicions_stop_payments() -> None:
    waiting().when(suspected()).then_recorded(PaymentCancelled, FraudReported, WebhookReceived)
    started = waiting().done(START, by=AS_ANNA)
    started.when(suspected("critical")).then_recorded(
        HoldReleased,
        DailyUsageChanged,
        PaymentFailed,
        AccountFrozen,
        FraudReported,
        WebhookReceived,
    )
    sent = under_way()
    sent.when(suspected()).then_recorded(AccountFrozen, FraudReported, WebhookReceived)
    sent.when(suspected()).then_nothing()
    sent.when(suspected(name="evt 2")).then_recorded(FraudReported, WebhookReceived)
    waiting().when(suspected("low")).then_recorded(FraudReported, WebhookReceived)
