"""Payments through the sandbox adapter: executed at most once, and always findable again."""

from typing import Any

import msgspec
import pytest

from ledger.errors import Reason
from tests.workers.banks.outside import Outside
from workers.banks.port import AccessRefused, PaymentOrder, Tokens
from workers.rails.rail import Accepted, Declined, Settled, Unknown, Withdrawn
from workers.retries import Failed

ORDER = PaymentOrder(
    payment_id="01956c2c-0000-7000-8000-000000000001",
    external_account_id="acc_alice_checking",
    amount=1000,
    currency="USD",
    direction="DEBIT",
    description="Rent",
)


@pytest.fixture
def tokens(cursor: Outside) -> Tokens:
    return cursor.consented()


def paid(bank: Outside) -> int:
    """Return how often the order was executed."""
    told = bank.sandbox.control("GET", "/truth")["accounts"][0]["transactions"]
    return sum(each["payment_id"] == ORDER.payment_id for each in told)


def test_a_payment_settles_under_our_id_once(cursor: Outside, tokens: Tokens) -> None:
    first = cursor.port.submit_payment(tokens.access_token, ORDER)
    assert isinstance(first, Settled)
    assert cursor.port.submit_payment(tokens.access_token, ORDER) == first
    assert cursor.port.payment_status(tokens.access_token, ORDER.payment_id) == first
    assert paid(cursor) == 1
    page = cursor.port.transactions(tokens.access_token, ORDER.external_account_id, None)
    (line,) = (each for each in page.transactions if each.payment_id == ORDER.payment_id)
    assert (line.external_transaction_id, line.amount) == (first.external_transaction_id, -1000)
    keys = [each["key"] for each in cursor.sandbox.received("/payments")]
    assert keys == [ORDER.payment_id] * 2


def test_a_payment_can_be_accepted_and_settle_or_fail_later(
    cursor: Outside, tokens: Tokens
) -> None:
    cursor.sandbox.control("PUT", "/settings", settlement="deferred")
    accepted = cursor.port.submit_payment(tokens.access_token, ORDER)
    assert isinstance(accepted, Accepted)
    assert cursor.port.payment_status(tokens.access_token, ORDER.payment_id) == accepted
    cursor.sandbox.control("POST", f"/payments/{ORDER.payment_id}/fail")
    failed = cursor.port.payment_status(tokens.access_token, ORDER.payment_id)
    assert isinstance(failed, Declined)


def test_a_declined_payment_says_why(cursor: Outside, tokens: Tokens) -> None:
    large = msgspec.structs.replace(ORDER, amount=10**9)
    told = cursor.port.submit_payment(tokens.access_token, large)
    assert told == Declined("insufficient_funds")
    strange = msgspec.structs.replace(ORDER, payment_id="p", external_account_id="acc_unknown")
    told = cursor.port.submit_payment(tokens.access_token, strange)
    assert told == Declined("account_not_found")


def test_what_was_called_off_is_never_paid(cursor: Outside, tokens: Tokens) -> None:
    port, token = cursor.port, tokens.access_token
    assert port.payment_status(token, ORDER.payment_id) == Unknown()
    assert port.cancel_payment(token, ORDER.payment_id) == Withdrawn()
    assert port.submit_payment(token, ORDER) == Declined("cancelled")
    assert paid(cursor) == 0


def test_what_was_paid_cannot_be_called_off(cursor: Outside, tokens: Tokens) -> None:
    settled = cursor.port.submit_payment(tokens.access_token, ORDER)
    assert cursor.port.cancel_payment(tokens.access_token, ORDER.payment_id) == settled
    assert paid(cursor) == 1


@pytest.mark.parametrize(
    ("fault", "executed", "reason"),
    [
        ({"kind": "http_error", "status": 503}, False, Reason.PAYMENT_PROVIDER_ERROR),
        ({"kind": "disconnect"}, False, Reason.PAYMENT_PROVIDER_ERROR),
        ({"kind": "disconnect", "execute": True}, True, Reason.PAYMENT_PROVIDER_ERROR),
        ({"kind": "timeout", "execute": True}, True, Reason.TIMEOUT),
        ({"kind": "truncate"}, True, Reason.PAYMENT_PROVIDER_ERROR),
        ({"kind": "malformed"}, False, Reason.PAYMENT_PROVIDER_ERROR),
        ({"kind": "http_error", "status": 429}, False, Reason.PROVIDER_RATE_LIMITED),
    ],
)
def test_an_unknown_outcome_is_sent_once_and_found_by_asking(
    cursor: Outside, tokens: Tokens, fault: dict[str, Any], reason: Reason, *, executed: bool
) -> None:
    port = cursor.adapter(timeout_ms=400)
    cursor.fault(**fault, match={"method": "POST", "path": "/payments"}, times=0)
    with pytest.raises(Failed) as failed:
        port.submit_payment(tokens.access_token, ORDER)
    assert failed.value.failure.reason is reason
    assert len(cursor.sandbox.received("/payments")) == 1
    found = port.payment_status(tokens.access_token, ORDER.payment_id)
    assert isinstance(found, Settled if executed else Unknown)
    assert paid(cursor) == int(executed)


def test_a_token_that_is_not_taken_declines_nothing(cursor: Outside, tokens: Tokens) -> None:
    with pytest.raises(AccessRefused):
        cursor.port.submit_payment("stale", ORDER)
    cursor.sandbox.control("POST", "/consents/alice123/revoke")
    with pytest.raises(Failed) as failed:
        cursor.port.submit_payment(tokens.access_token, ORDER)
    assert failed.value.failure.reason is Reason.CONSENT_EXPIRED
