"""What every adapter promises, whatever its bank is like and whatever goes wrong there."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ledger.errors import Reason
from ops.mirrors.mirror import Mirror
from tests.workers.banks.outside import Outside
from workers.banks.port import TROUBLES, AccessRefused, Tokens
from workers.retries import Failed

ACCOUNT = "acc_alice_checking"
READS = ("accounts", "balance", "transactions")


def read(bank: Outside, tokens: Tokens, what: str) -> Any:
    token = tokens.access_token
    match what:
        case "accounts":
            return bank.port.accounts(token)
        case "balance":
            return bank.port.balance(token, ACCOUNT)
        case _:
            return bank.port.transactions(token, ACCOUNT, None)


def new_line(bank: Outside, amount: int, status: str = "posted", **told: Any) -> str:
    fields = {"account_id": ACCOUNT, "amount": amount, "description": "Coffee", "status": status}
    line_id: str = bank.sandbox.control("POST", "/transactions", **fields, **told)["id"]
    return line_id


def test_the_authorization_url_says_what_oauth_wants(bank: Outside) -> None:
    told = parse_qs(urlsplit(bank.port.authorization_url(bank.wish())).query)
    assert told["response_type"] == ["code"]
    assert told["redirect_uri"] == ["http://127.0.0.1:9/callback"]
    assert told["state"] == ["s" * 43]
    assert told["client_id"] == ["ledgerbank"]
    assert told.get("code_challenge_method") == (["S256"] if bank.port.capabilities.pkce else None)
    assert ("code_challenge" in told) == bank.port.capabilities.pkce


def test_a_code_becomes_tokens_once(bank: Outside) -> None:
    tokens = bank.consented()
    assert tokens.expires_in_seconds == 3600
    assert tokens.refresh_token
    assert tokens.access_token not in repr(tokens)
    assert tokens.refresh_token not in repr(tokens)
    with pytest.raises(Failed) as failed:
        bank.port.exchange_code(bank.grant("x" * 64))
    assert failed.value.failure.reason is Reason.BANK_API_ERROR


def test_refreshing_replaces_both_tokens(bank: Outside) -> None:
    old = bank.consented()
    assert old.refresh_token is not None
    new = bank.port.refresh(old.refresh_token)
    assert read(bank, new, "accounts")
    with pytest.raises(Failed) as failed:
        bank.port.refresh(old.refresh_token)
    assert failed.value.failure.reason is Reason.CONSENT_EXPIRED


def test_a_token_that_is_not_taken_is_not_a_consent_that_is_gone(bank: Outside) -> None:
    bank.sandbox.control("PUT", "/settings", token_ttl_s=10)
    tokens = bank.consented()
    bank.sandbox.control("POST", "/clock", advance_seconds=10)
    for what in READS:
        with pytest.raises(AccessRefused):
            read(bank, tokens, what)
    bank.sandbox.control("POST", "/consents/alice123/expire")
    for what in READS:
        with pytest.raises(Failed) as failed:
            read(bank, tokens, what)
        assert not isinstance(failed.value, AccessRefused)
        assert failed.value.failure.reason is Reason.CONSENT_EXPIRED


def test_revoking_ends_what_a_token_allows(bank: Outside) -> None:
    tokens = bank.consented()
    bank.port.revoke(tokens.access_token)
    with pytest.raises(Failed) as failed:
        read(bank, tokens, "accounts")
    assert failed.value.failure.reason is Reason.CONSENT_EXPIRED
    bank.port.revoke("unknown")


def test_accounts_and_balances_are_told_in_minor_units(bank: Outside) -> None:
    tokens = bank.consented()
    (account,) = bank.port.accounts(tokens.access_token)
    told = (account.external_account_id, account.name, account.currency, account.last_four)
    assert told == (ACCOUNT, "Alice Checking", "USD", "1234")
    assert not account.closed
    balance = bank.port.balance(tokens.access_token, ACCOUNT)
    assert (balance.amount, balance.currency) == (150000, "USD")
    assert balance.as_of.endswith("Z")
    bank.sandbox.control("POST", f"/accounts/{ACCOUNT}/close")
    assert bank.port.accounts(tokens.access_token)[0].closed


def test_an_account_that_is_not_ours_is_no_empty_history(bank: Outside) -> None:
    tokens = bank.consented()
    with pytest.raises(Failed) as failed:
        bank.port.transactions(tokens.access_token, "acc_bob_savings", None)
    assert failed.value.failure.reason is Reason.BANK_API_ERROR


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_mirror_follows_whatever_the_bank_does(bank: Outside, limit: int) -> None:
    bank.port = bank.adapter(limit=limit)
    mirror = Mirror(bank.port, bank.consented().access_token, ACCOUNT)
    pending, dropped = new_line(bank, -300, "pending"), new_line(bank, -700, "pending")
    new_line(bank, -5)
    new_line(bank, -5)
    declined = new_line(bank, -9, "declined")
    assert mirror.follow() >= 8 // limit
    assert mirror.known() == bank.truth(ACCOUNT)
    assert mirror.known()[pending][:2] == (-300, "pending")
    assert mirror.known()[declined][:2] == (-9, "declined")
    bank.sandbox.control("POST", f"/transactions/{pending}/settle", amount=-310)
    bank.sandbox.control("DELETE", f"/transactions/{dropped}")
    new_line(bank, 11)
    mirror.follow()
    assert mirror.known() == bank.truth(ACCOUNT)
    assert mirror.known()[pending][:2] == (-310, "posted")
    changed = mirror.changed
    mirror.follow()
    mirror.cursor = None
    mirror.follow()
    assert (mirror.changed, mirror.known()) == (changed, bank.truth(ACCOUNT))


def test_pages_that_overlap_change_nothing(bank: Outside) -> None:
    bank.port = bank.adapter(limit=2)
    mirror = Mirror(bank.port, bank.consented().access_token, ACCOUNT)
    for amount in range(1, 8):
        new_line(bank, amount)
    bank.fault("duplicate_page", times=2)
    mirror.follow()
    assert mirror.known() == bank.truth(ACCOUNT)


def test_a_line_taken_back_in_the_middle_loses_no_other(bank: Outside) -> None:
    bank.port = bank.adapter(limit=2)
    lines = [new_line(bank, -amount, "pending") for amount in range(1, 8)]
    mirror = Mirror(bank.port, bank.consented().access_token, ACCOUNT)
    assert mirror.step()
    assert mirror.step()
    for line in lines[:3]:
        bank.sandbox.control("DELETE", f"/transactions/{line}")
    mirror.follow()
    mirror.follow()
    assert mirror.known() == bank.truth(ACCOUNT)


def test_a_history_whose_place_is_lost_is_read_again(cursor: Outside) -> None:
    cursor.port = cursor.adapter(limit=2)
    mirror = Mirror(cursor.port, cursor.consented().access_token, ACCOUNT)
    new_line(cursor, 3)
    cursor.fault("mutation", times=2)
    mirror.follow()
    assert mirror.known() == cursor.truth(ACCOUNT)
    mirror.cursor = "c999999"
    mirror.follow()
    assert mirror.known() == cursor.truth(ACCOUNT)
    cursor.fault("mutation", times=0)
    with pytest.raises(Failed):
        mirror.follow()


FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "http_error", "status": 500},
    {"kind": "http_error", "status": 503},
    {"kind": "http_error", "status": 302},
    {"kind": "http_error", "status": 418},
    {"kind": "malformed"},
    {"kind": "schema_drift"},
    {"kind": "truncate"},
    {"kind": "disconnect"},
    {"kind": "disconnect", "execute": True},
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize("what", READS)
def test_an_outage_is_never_an_empty_answer(
    bank: Outside, what: str, fault: dict[str, Any]
) -> None:
    tokens = bank.consented()
    bank.fault(**fault, times=0)
    with pytest.raises(Failed) as failed:
        read(bank, tokens, what)
    assert failed.value.failure.reason is Reason.BANK_API_ERROR


def test_a_bank_that_is_not_there_is_told_so(bank: Outside) -> None:
    tokens = bank.consented()
    bank.sandbox.url = "http://127.0.0.1:9"
    port, bank.sandbox.url = bank.adapter(), str(bank.sandbox.http.base_url).rstrip("/")
    with pytest.raises(Failed) as failed:
        port.accounts(tokens.access_token)
    assert failed.value.failure.reason is Reason.BANK_API_ERROR


@pytest.mark.parametrize("kind", ["timeout", "drip"])
def test_waiting_has_an_end(bank: Outside, kind: str) -> None:
    tokens = bank.consented()
    port = bank.adapter(timeout_ms=250)
    bank.fault(kind, times=0)
    with pytest.raises(Failed) as failed:
        port.accounts(tokens.access_token)
    assert failed.value.failure.reason is Reason.TIMEOUT


def test_a_read_that_fails_for_a_moment_is_repeated(bank: Outside) -> None:
    tokens = bank.consented()
    for fault in ({"kind": "http_error", "status": 503}, {"kind": "disconnect"}):
        bank.fault(**fault, match={"path": "/accounts"})
    assert len(read(bank, tokens, "accounts")) == 1
    assert bank.calls("accounts") == 3
    bank.fault("http_error", times=3, match={"path": "/accounts"})
    with pytest.raises(Failed):
        read(bank, tokens, "accounts")
    assert bank.calls("accounts") == 6


@pytest.mark.parametrize(("told", "wait_ms"), [(7, 7000), (None, 1000)])
def test_a_bank_that_wants_us_to_wait_says_how_long(
    bank: Outside, told: int | None, wait_ms: int
) -> None:
    tokens = bank.consented()
    bank.fault("http_error", status=429, retry_after_s=told, times=0)
    with pytest.raises(Failed) as failed:
        read(bank, tokens, "balance")
    assert failed.value.failure.reason is Reason.PROVIDER_RATE_LIMITED
    assert failed.value.failure.wait_ms == wait_ms
    assert bank.calls("balance") == (1 if told else 3)


def test_tokens_are_never_asked_for_twice_in_one_call(bank: Outside) -> None:
    tokens = bank.consented()
    assert tokens.refresh_token is not None
    before = len(bank.sandbox.received("/oauth2/token"))
    bank.fault("disconnect", execute=True)
    with pytest.raises(Failed) as failed:
        bank.port.refresh(tokens.refresh_token)
    assert failed.value.failure.reason in TROUBLES
    assert len(bank.sandbox.received("/oauth2/token")) == before + 1
