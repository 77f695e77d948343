"""Mails: which events cause one, and what it says (jobs.md §8)."""

from types import SimpleNamespace
from typing import Any

import pytest

from ledger.events.connection import ConnectionExpired
from ledger.events.payment import PaymentFailed
from ledger.events.recorded import AnyEvent
from ledger.events.session import RefreshTokenReuseDetected
from ledger.events.user import UserPasswordSet
from ledger.events.webhook_endpoint import WebhookEndpointDisabled
from ledger.identity import derived_id
from tests.workers.specs import Process, recorded
from workers.jobs import JobWanted
from workers.letters import TEMPLATES, letter_of
from workers.mails import EVENTS, MAILS

PAYMENT = SimpleNamespace(terms=SimpleNamespace(amount=1050, currency="USD"))
CONNECTION = SimpleNamespace(terms=SimpleNamespace(bank_code="DEMO_BANK"))
ENDPOINT = SimpleNamespace(url="https://hooks.example/{braces}")
FAILED = PaymentFailed(reason="insufficient_funds", category="business_rule", attempts=1)
REUSED = RefreshTokenReuseDetected(jti="jti")


def text(event: AnyEvent, state: Any) -> str:
    """Return what a letter says, without its line ends."""
    happened = recorded(1, "payment-p1", event).envelope
    return " ".join(letter_of(happened, state, "Anna {Bea}").text.split())


def test_an_event_causes_one_message_that_its_id_names() -> None:
    message_id = derived_id("message", "event-1")
    wanted = JobWanted(
        actor="send_email",
        queue="notifications",
        subject_type="message",
        subject_id=message_id,
        cause=message_id,
        unique_key=f"send_email/{message_id}",
    )
    Process(MAILS, "session-s1").given().when(REUSED).then(wanted)


def test_who_has_just_joined_is_not_told_of_their_password() -> None:
    process = Process(MAILS, "user-u1").given()
    process.when(UserPasswordSet(by="registration")).then()
    assert len(process.when(UserPasswordSet(by="self")).wanted) == 1


def test_there_is_a_letter_for_every_event() -> None:
    assert set(TEMPLATES) == set(EVENTS)


@pytest.mark.parametrize(
    ("event", "state", "said"),
    [
        (FAILED, PAYMENT, "your payment of 10.50 USD failed on 2026-01-01 00:00 UTC."),
        (FAILED, PAYMENT, "Reason: Insufficient funds. Payment: p1"),
        (
            PaymentFailed(reason="struck_by_lightning", category="system", attempts=1),
            PAYMENT,
            "Reason: struck by lightning.",
        ),
        (UserPasswordSet(by="self"), None, "Hello Anna {Bea}, the password of your account"),
        (
            ConnectionExpired(reason="not_authorised"),
            CONNECTION,
            "the bank DEMO_BANK expired on 2026-01-01 00:00 UTC. The consent was not given",
        ),
        (
            WebhookEndpointDisabled(cause="deliveries_failed"),
            ENDPOINT,
            "Address: https://hooks.example/{braces} Reason: Too many deliveries",
        ),
        (WebhookEndpointDisabled(cause="gone"), SimpleNamespace(), "Address: (removed since)"),
    ],
)
def test_a_letter_says_what_has_happened(event: AnyEvent, state: Any, said: str) -> None:
    assert said in text(event, state)
