"""Adapters under circuit breakers: what counts as a failure, and what a pause looks like."""

from collections.abc import Callable, Iterator

import pytest

from ledger.errors import Reason
from tests.workers.banks.outside import Outside
from tests.workers.banks.test_payments_at_a_bank import ORDER
from workers.banks.port import BankPort
from workers.breakers import SharedBreakers, bank_api, payment_processor
from workers.retries import Failed


@pytest.fixture
def breakers(valkey: str) -> Iterator[SharedBreakers]:
    shared = SharedBreakers(valkey)
    for breaker in (bank_api("sandbox"), payment_processor("sandbox")):
        shared.close_early(breaker.name)
    yield shared
    for breaker in (bank_api("sandbox"), payment_processor("sandbox")):
        shared.close_early(breaker.name)
    shared.close()


@pytest.fixture
def port(cursor: Outside, breakers: SharedBreakers) -> BankPort:
    return cursor.adapter(breakers)


def reason_of(asked: Callable[[], object]) -> Reason:
    with pytest.raises(Failed) as failed:
        asked()
    return failed.value.failure.reason


def test_six_failures_pause_all_calls_to_a_bank(
    cursor: Outside, breakers: SharedBreakers, port: BankPort
) -> None:
    token = cursor.consented().access_token
    cursor.fault("http_error", times=6, match={"path": "/accounts"})
    for _ in range(2):
        assert reason_of(lambda: port.accounts(token)) is Reason.BANK_API_ERROR
    assert reason_of(lambda: port.accounts(token)) is Reason.CIRCUIT_BREAKER_OPEN
    assert reason_of(lambda: port.balance(token, "x")) is Reason.CIRCUIT_BREAKER_OPEN
    assert len(cursor.sandbox.received("/accounts")) == 6
    breakers.close_early("bank_api:sandbox")
    assert port.accounts(token)


def test_a_bank_that_refuses_or_wants_us_to_wait_is_well(
    cursor: Outside, breakers: SharedBreakers, port: BankPort
) -> None:
    token = cursor.consented().access_token
    cursor.fault("http_error", status=429, retry_after_s=60, times=7)
    for _ in range(7):
        assert reason_of(lambda: port.accounts(token)) is Reason.PROVIDER_RATE_LIMITED
    for _ in range(7):
        assert reason_of(lambda: port.accounts("stale")) is Reason.CONSENT_EXPIRED
    assert breakers.standing(bank_api("sandbox")).failures == 0


def test_payments_that_fail_do_not_hide_what_became_of_them(
    cursor: Outside, breakers: SharedBreakers, port: BankPort
) -> None:
    token = cursor.consented().access_token
    cursor.fault("malformed", times=0, match={"method": "POST"})
    for _ in range(4):
        tried = reason_of(lambda: port.submit_payment(token, ORDER))
        assert tried is Reason.PAYMENT_PROVIDER_ERROR
    assert reason_of(lambda: port.submit_payment(token, ORDER)) is Reason.CIRCUIT_BREAKER_OPEN
    assert len(cursor.sandbox.received("/payments")) == 4
    port.payment_status(token, ORDER.payment_id)
    assert breakers.standing(bank_api("sandbox")).state == "closed"
