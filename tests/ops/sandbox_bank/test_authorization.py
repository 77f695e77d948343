"""The sandbox bank's authorization server keeps the rules it is there to teach."""

import re
from html import unescape

import pytest

from ops.sandbox_bank.initial import GROCERIES, lasting_refresh
from tests.ops.sandbox_bank.customer import BACK, Holder, Sandbox, returned


def test_a_code_is_good_once_and_its_second_use_ends_everything(sandbox: Sandbox) -> None:
    code = sandbox.code()
    tokens = sandbox.exchange(code).json()
    assert tokens.keys() >= {"access_token", "refresh_token", "expires_in", "consent_expires_in"}
    again = sandbox.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert sandbox.http.get("/accounts", headers=headers).status_code == 403
    assert sandbox.refresh(tokens["refresh_token"]).status_code == 400


def test_state_comes_back_as_it_was_sent(sandbox: Sandbox) -> None:
    assert returned(sandbox.authorize())["state"] == "a&b"
    assert returned(sandbox.authorize(auto="deny")) == {"error": "access_denied", "state": "a&b"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_what_is_asked_wrongly_is_told_to_the_client(
    sandbox: Sandbox, changes: dict[str, str | None], error: str
) -> None:
    assert returned(sandbox.authorize(**changes))["error"] == error


@pytest.mark.parametrize(
    "changes", [{"client_id": "mallory"}, {"redirect_uri": "javascript:alert(1)"}]
)
def test_nobody_is_sent_to_a_place_nobody_vouches_for(
    sandbox: Sandbox, changes: dict[str, str]
) -> None:
    answered = sandbox.authorize(**changes)
    assert (answered.status_code, "location" in answered.headers) == (400, False)


@pytest.mark.parametrize("changes", [{"code_verifier": "w" * 50}, {"redirect_uri": f"{BACK}/"}])
def test_a_code_needs_its_verifier_and_its_place(sandbox: Sandbox, changes: dict[str, str]) -> None:
    refused = sandbox.exchange(sandbox.code(), **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert sandbox.exchange("unknown").status_code == 400


def test_a_code_lives_for_a_minute(sandbox: Sandbox) -> None:
    code = sandbox.code()
    sandbox.control("POST", "/clock", advance_seconds=61)
    assert sandbox.exchange(code).status_code == 400


def test_a_wrong_secret_gets_nothing(sandbox: Sandbox) -> None:
    assert sandbox.exchange(sandbox.code(), client_secret="guess").status_code == 401
    basic = sandbox.http.post(
        "/oauth2/token", data={"grant_type": "x"}, auth=("ledgerbank", "sandbox-secret")
    )
    assert basic.json()["error"] == "unsupported_grant_type"


def test_refresh_tokens_rotate(sandbox: Sandbox) -> None:
    tokens = sandbox.holder().tokens
    newer = sandbox.refresh(tokens["refresh_token"]).json()
    assert newer["refresh_token"] != tokens["refresh_token"]
    assert sandbox.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert sandbox.refresh(newer["refresh_token"]).is_success


def test_a_lost_reply_can_be_asked_for_again_within_the_grace(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "/settings", refresh_grace_s=30)
    first = sandbox.holder().tokens["refresh_token"]
    assert sandbox.refresh(first).is_success
    assert sandbox.refresh(first).is_success
    sandbox.control("POST", "/clock", advance_seconds=31)
    assert not sandbox.refresh(first).is_success


def test_access_ends_with_time_with_consent_and_with_a_newer_token(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "/settings", token_ttl_s=60, single_access_token=True)
    older, newest = sandbox.holder(), sandbox.holder()
    assert older.ask("GET", "/accounts").is_success
    refreshed = sandbox.refresh(newest.tokens["refresh_token"]).json()
    assert newest.ask("GET", "/accounts").status_code == 401
    newest.tokens = refreshed
    assert newest.ask("GET", "/accounts").is_success
    sandbox.control("POST", "/clock", advance_seconds=60)
    assert newest.ask("GET", "/accounts").status_code == 401
    sandbox.control("POST", "/consents/alice123/expire")
    assert newest.ask("GET", "/accounts").status_code == 403
    assert sandbox.refresh(refreshed["refresh_token"]).status_code == 400


def test_revoking_any_token_ends_the_consent(sandbox: Sandbox) -> None:
    holder = sandbox.holder()
    form = {"client_id": "ledgerbank", "client_secret": "sandbox-secret"}
    gone = sandbox.http.post(
        "/oauth2/revoke", data={**form, "token": holder.tokens["refresh_token"]}
    )
    assert gone.status_code == 200
    assert holder.ask("GET", "/accounts").status_code == 403
    assert sandbox.http.post("/oauth2/revoke", data={**form, "token": "x"}).status_code == 200


def covered(sandbox: Sandbox, form: dict[str, str]) -> list[str]:
    """Return the accounts that a filled-in page gives access to."""
    code = returned(sandbox.http.post("/oauth/authorize", data=form))["code"]
    tokens = sandbox.exchange(code).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    told = sandbox.http.get("/accounts", headers=headers).json()["accounts"]
    return [each["id"] for each in told]


def test_the_page_lets_the_customer_choose_accounts(sandbox: Sandbox) -> None:
    second = sandbox.control(
        "POST", "/accounts", username="alice123", name="<Savings>", currency="USD", balance=5
    )
    page = sandbox.authorize(auto=None)
    assert page.headers["content-type"].startswith("text/html")
    assert "&lt;Savings&gt;" in page.text
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    form = {unescape(name): unescape(value) for name, value in hidden}
    chosen = {**form, "username": "alice123", "account": second["id"], "decision": "approve"}
    assert covered(sandbox, chosen) == [second["id"]]
    assert covered(sandbox, {**chosen, "account": ""}) == []
    assert covered(sandbox, {**chosen, "username": "bob456"}) == ["acc_bob_savings"]
    denied = sandbox.http.post("/oauth/authorize", data={**form, "decision": "deny"})
    assert returned(denied) == {"error": "access_denied", "state": "a&b"}


def test_secrets_are_not_in_the_journal(sandbox: Sandbox) -> None:
    holder = sandbox.holder()
    sandbox.refresh(holder.tokens["refresh_token"])
    told = str(sandbox.control("GET", "/requests"))
    assert "sandbox-secret" not in told
    assert holder.tokens["refresh_token"] not in told
    assert "***" in told


def test_the_demos_consents_last(sandbox: Sandbox) -> None:
    """A demo of any age gets access, as often as it wants, after a reset too."""
    for _ in range(2):
        for username in ("alice123", "bob456"):
            lasting = lasting_refresh(username)
            tokens = [sandbox.refresh(lasting).json() for _ in range(2)]
            assert {each["refresh_token"] for each in tokens} == {lasting}
            for each in tokens:
                [account] = Holder(sandbox, each).ask("GET", "/accounts").json()["accounts"]
                assert account["id"].startswith(f"acc_{username[:3]}")
        sandbox.control("POST", "/clock", advance_seconds=2 * 365 * 86_400)
    sandbox.control("POST", "/reset")
    assert sandbox.refresh(lasting_refresh("alice123")).is_success
    assert sandbox.refresh("another").status_code == 400


def test_what_the_demo_has_paid_is_not_paid_again(sandbox: Sandbox) -> None:
    again = sandbox.holder().pay(GROCERIES, 10_000)
    assert (again.status_code, again.json()["status"]) == (200, "settled")
    assert again.json()["transaction_id"] == "tx_alice_groceries"
    assert sandbox.holder().booked() == 150_000
