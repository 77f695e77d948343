"""Signing in over HTTP: one password, one session, tokens that die when they should."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import Any

import msgspec
import pytest

from api.token_keys import signing_key
from api.tokens import Bearer, TokenKeys
from ledger.identity import new_id
from tests.api.bank import PASSWORD, SECRET, Bank, followed, opened
from tests.api.signing_in import (
    data_of,
    login,
    post_as,
    reason,
    refresh,
    register,
    signed_in,
    validate,
)

LOGINS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({}, (400, "missing_fields")),
    ({"password": PASSWORD}, (400, "missing_fields")),
    ({"email": "  ", "password": PASSWORD}, (400, "missing_fields")),
    ({"email": None, "password": PASSWORD}, (400, "missing_fields")),
    ({"email": "alice", "password": PASSWORD}, (400, "invalid_email_format")),
    ({"email": 5, "password": PASSWORD}, (400, "invalid_email_format")),
    ({"email": "a@example." + "c" * 250, "password": "x"}, (400, "invalid_email_format")),
    ({"email": "alice"}, (400, "invalid_email_format")),
    ({"email": "alice@example.com"}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": None}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": "  "}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": 5}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": ["x"]}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": "wrong"}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": "p" * 300}, (401, "invalid_credentials")),
    ({"email": "bob@example.com", "password": PASSWORD}, (401, "invalid_credentials")),
    ({"email": "alice@example.com", "password": "x", "role": "a"}, (400, "unknown_field")),
]


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with opened(database) as running:
        yield running


@pytest.fixture
def _followed(database: str) -> Iterator[None]:
    with followed(database):
        yield


def test_a_login_answers_tokens_and_the_user(bank: Bank) -> None:
    profile = register(bank, "alice@example.com")
    answer = login(bank, "alice@example.com")
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["ledger-position"]) == 4
    data = data_of(answer)
    user = data.pop("user")
    assert user | {"last_login_at": None} == profile
    assert user["last_login_at"] is not None
    assert set(data) == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "refresh_expires_in",
    }
    assert (data["token_type"], data["expires_in"], data["refresh_expires_in"]) == (
        "Bearer",
        900,
        604_800,
    )


def test_a_token_shows_who_carries_it(bank: Bank) -> None:
    tokens = signed_in(bank)
    answer = validate(bank, tokens)
    assert answer.headers["cache-control"] == "no-store"
    data = data_of(answer)
    assert data.pop("expires_at").endswith("Z")
    assert data == {"valid": True, "user_id": tokens["user"]["id"], "role": "user"}


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/profile"])
@pytest.mark.usefixtures("_followed")
def test_the_profile_is_fresh(bank: Bank, path: str) -> None:
    tokens = signed_in(bank)
    authorization = f"Bearer {tokens['access_token']}"
    answer = bank.served.get(path, authorization=authorization)
    assert answer.status_code == 200, answer.text
    profile = data_of(answer)
    assert profile == tokens["user"]
    assert answer.headers["etag"] == f'"{profile["version"]}"'
    assert int(answer.headers["ledger-position"]) == 4
    again = bank.served.get(path, authorization=authorization, if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    unknown = bank.served.get(path + "?x=1", authorization=authorization)
    assert reason(unknown) == (400, "unknown_parameter")


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/auth/validate", "/api/profile"])
def test_nobody_in_particular_sees_nothing(bank: Bank, path: str) -> None:
    answer = bank.served.get(path)
    assert reason(answer) == (401, "invalid_token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="ledgerbank"'


def test_a_login_is_judged_in_order(bank: Bank) -> None:
    register(bank, "alice@example.com")
    for body, outcome in LOGINS:
        assert (body, reason(bank.served.post("/api/auth/login", body))) == (body, outcome)
    assert login(bank, "alice@example.com").status_code == 200


def test_credentials_in_the_query_mean_nothing(bank: Bank) -> None:
    register(bank, "alice@example.com")
    query = f"?email=alice@example.com&password={PASSWORD.replace(' ', '+')}"
    assert reason(bank.served.post("/api/auth/login" + query, {})) == (400, "missing_fields")


def test_a_wrong_password_and_an_unknown_address_look_the_same(bank: Bank) -> None:
    register(bank, "alice@example.com")
    bodies = []
    for email in ("alice@example.com", "bob@example.com"):
        problem = msgspec.json.decode(login(bank, email, "wrong").content)
        bodies.append({**problem, "instance": "", "timestamp": ""})
    assert bodies[0] == bodies[1]
    assert bodies[0]["details"] == {}


def test_an_address_is_one_however_it_is_written(bank: Bank) -> None:
    profile = register(bank, "  MixedCase@Example.COM ")
    assert profile["email"] == "mixedcase@example.com"
    for spelling in ("mixedcase@example.com", "\tMIXEDCASE@EXAMPLE.COM  "):
        assert signed_in(bank, spelling)["user"]["id"] == profile["id"]


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_five_failures_make_an_address_wait(bank: Bank, email: str) -> None:
    register(bank, "alice@example.com")
    for _ in range(5):
        assert reason(login(bank, email, "wrong")) == (401, "invalid_credentials")
    for password in ("wrong", PASSWORD, None):
        answer = login(bank, email, password)
        assert reason(answer) == (429, "login_throttled")
        assert answer.headers["retry-after"] == "1"
    assert login(bank, "someone@example.com", "x").status_code == 401
    bank.execute("UPDATE log.login_failures SET locked_until = now()")
    assert reason(login(bank, email, "wrong")) == (401, "invalid_credentials")
    assert login(bank, email).headers["retry-after"] == "2"
    bank.execute("UPDATE log.login_failures SET locked_until = now()")
    known = email == "alice@example.com"
    assert login(bank, email).status_code == (200 if known else 401)
    assert len(bank.execute("SELECT FROM log.login_failures")) == (1 if known else 2)
    assert bank.execute("SELECT FROM log.login_failures WHERE claim LIKE '%%@%%'") == []


def test_a_refresh_token_is_good_for_one_refresh(bank: Bank) -> None:
    first = signed_in(bank)
    answer = refresh(bank, first["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    second = data_of(answer)
    assert set(second) == set(first) - {"user"}
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert validate(bank, first).status_code == validate(bank, second).status_code == 200
    assert refresh(bank, second["refresh_token"]).status_code == 200


def test_a_replaced_refresh_token_kills_its_family_and_no_other(bank: Bank) -> None:
    user = register(bank)
    first, other = signed_in(bank, user["email"]), signed_in(bank, user["email"])
    second = data_of(refresh(bank, first["refresh_token"]))
    assert reason(refresh(bank, first["refresh_token"])) == (401, "token_revoked")
    for dead in (first, second):
        assert reason(validate(bank, dead)) == (401, "token_revoked")
    assert reason(refresh(bank, second["refresh_token"])) == (401, "token_revoked")
    assert validate(bank, other).status_code == 200
    assert refresh(bank, other["refresh_token"]).status_code == 200
    names = bank.execute(
        "SELECT name FROM log.events WHERE name <> 'TokenRejected' ORDER BY position DESC LIMIT 4"
    )
    assert [name for (name,) in names] == [
        "SessionRefreshed",
        "RefreshTokenReuseAudited",
        "SessionEnded",
        "RefreshTokenReuseDetected",
    ]


def test_of_many_refreshes_at_once_one_succeeds_and_the_family_dies(bank: Bank) -> None:
    tokens = signed_in(bank)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: refresh(bank, tokens["refresh_token"]), range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [401] * 9
    assert {reason(each)[1] for each in answers if each.status_code == 401} == {"token_revoked"}
    [won] = [data_of(answer) for answer in answers if answer.status_code == 200]
    assert reason(validate(bank, won)) == (401, "token_revoked")


def test_a_logout_ends_its_session_only_and_once(bank: Bank) -> None:
    user = register(bank)
    tokens, other = signed_in(bank, user["email"]), signed_in(bank, user["email"])
    path, body = "/api/auth/logout", {"refresh_token": tokens["refresh_token"]}
    answer = bank.served.post(path, body)
    assert answer.status_code == 200
    assert data_of(answer) == {"message": "Signed out."}
    assert reason(bank.served.post(path, body)) == (401, "token_revoked")
    assert reason(validate(bank, tokens)) == (401, "token_revoked")
    assert reason(refresh(bank, tokens["refresh_token"])) == (401, "token_revoked")
    assert validate(bank, other).status_code == 200


def test_logout_all_ends_every_session_of_one_user(bank: Bank) -> None:
    user, stranger = register(bank), signed_in(bank)
    sessions = [signed_in(bank, user["email"]) for _ in range(3)]
    answer = post_as(bank, sessions[0], "/api/auth/logout-all")
    assert answer.status_code == 200, answer.text
    for tokens in sessions:
        assert reason(validate(bank, tokens)) == (401, "token_revoked")
        assert reason(refresh(bank, tokens["refresh_token"])) == (401, "token_revoked")
        again = post_as(bank, tokens, "/api/auth/logout-all")
        assert reason(again) == (401, "token_revoked")
        assert again.headers["www-authenticate"].endswith('error="invalid_token"')
    assert validate(bank, stranger).status_code == 200
    assert validate(bank, signed_in(bank, user["email"])).status_code == 200


def test_what_is_done_in_one_process_counts_in_another_at_once(bank: Bank) -> None:
    user = register(bank)
    with opened(bank.dsn) as other:
        tokens = signed_in(bank, user["email"])
        assert validate(other, tokens).status_code == 200
        assert post_as(other, tokens, "/api/auth/logout-all").status_code == 200
        assert reason(validate(bank, tokens)) == (401, "token_revoked")
        assert reason(post_as(bank, tokens, "/api/auth/logout-all")) == (401, "token_revoked")
        assert reason(refresh(bank, tokens["refresh_token"])) == (401, "token_revoked")
        fresh = signed_in(other, user["email"])
        assert validate(bank, fresh).status_code == 200
        assert refresh(bank, fresh["refresh_token"]).status_code == 200


def test_a_user_who_is_not_active_is_told_only_with_the_right_password(bank: Bank) -> None:
    user = register(bank)
    tokens = signed_in(bank, user["email"])
    bank.execute("UPDATE log.principals SET status = 'SUSPENDED'")
    answer = login(bank, user["email"])
    assert reason(answer) == (422, "account_inactive")
    assert user["email"] not in answer.text
    assert reason(login(bank, user["email"], "wrong")) == (401, "invalid_credentials")
    assert reason(validate(bank, tokens)) == (401, "token_revoked")
    assert reason(refresh(bank, tokens["refresh_token"])) == (401, "token_revoked")


def test_time_ends_tokens(bank: Bank) -> None:
    tokens = signed_in(bank)
    bank.pass_seconds(901)
    assert reason(validate(bank, tokens)) == (401, "token_expired")
    renewed = data_of(refresh(bank, tokens["refresh_token"]))
    assert validate(bank, renewed).status_code == 200
    bank.pass_seconds(604_801)
    assert reason(refresh(bank, renewed["refresh_token"])) == (401, "token_expired")


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/logout"])
def test_only_a_genuine_refresh_token_is_taken(bank: Bank, path: str) -> None:
    tokens, keys, now = signed_in(bank), TokenKeys(signing_key(secret=SECRET, kid="k")), int(time())
    strangers = keys.issue_refresh(Bearer(new_id(), new_id(), 1), new_id(), now)
    unheard_of = keys.issue_refresh(Bearer(tokens["user"]["id"], new_id(), 1), new_id(), now)
    for token, outcome in (
        (None, (400, "missing_fields")),
        (" ", (400, "missing_fields")),
        (5, (400, "invalid_field_value")),
        ("x", (401, "invalid_token")),
        ("x" * 100_000, (401, "invalid_token")),
        (tokens["access_token"], (401, "invalid_token_type")),
        (tokens["refresh_token"] + "x", (401, "invalid_token")),
        (strangers, (401, "invalid_token")),
        (unheard_of, (404, "token_not_found")),
    ):
        assert reason(bank.served.post(path, {"refresh_token": token})) == outcome
    assert refresh(bank, tokens["refresh_token"]).status_code == 200
