"""One's own profile and password over HTTP (http.md §4.7)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.identity import new_id
from ops.embedded.postgres import Place
from tests.api.bank import PASSWORD
from tests.api.office import Office, Someone, staffed
from tests.api.signing_in import data_of, login, reason, refresh

DENIED, DEAD = (403, "insufficient_permissions"), (401, "token_revoked")
NEW = "another pass phrase"
FORMAT = "invalid_password_format"


@pytest.fixture(scope="module")
def office(postgres_server: Place, migrated: str) -> Iterator[Office]:
    with staffed(postgres_server, migrated) as running:
        yield running


@pytest.fixture
def anna(office: Office) -> Someone:
    return office.customer()


def change(person: Someone, **fields: Any) -> Any:
    known = {"current_password": PASSWORD, "new_password": NEW, "password_confirmation": NEW}
    return person.put("/api/profile/password", known | fields)


@pytest.mark.parametrize("role", ["user", "support", "auditor", "admin"])
def test_everybody_changes_their_own_name_and_address(office: Office, role: str) -> None:
    person = office.named(role)
    data_of(person.get("/api/profile"))
    address = f" {new_id()}@Example.com "
    answer = person.put("/api/profile", {"full_name": " New Name ", "email": address})
    profile = data_of(answer)
    assert (profile["full_name"], profile["email"]) == ("New Name", address.strip().lower())
    assert profile["last_login_at"] is not None
    assert answer.headers["etag"] == f'"{profile["version"]}"'
    assert data_of(person.get("/api/profile")) == profile
    person.email = profile["email"]


@pytest.mark.parametrize("role", ["user", "support", "auditor"])
@pytest.mark.parametrize("field", [{"role": "admin"}, {"role": "user"}, {"status": "ACTIVE"}])
def test_a_field_that_is_not_ones_own_voids_the_request(
    office: Office, role: str, field: dict[str, str]
) -> None:
    person = office.named(role)
    before = data_of(person.get("/api/profile"))
    assert reason(person.put("/api/profile", {"full_name": "Voided", **field})) == DENIED
    assert data_of(person.get("/api/profile")) == before


@pytest.mark.parametrize(("body", "told"), [
    ({}, "missing_fields"),
    ({"verified": True}, "unknown_field"),
    ({"role": "root"}, "invalid_role"),
    ({"status": "DELETED"}, "invalid_status"),
    ({"email": "x"}, "invalid_email_format"),
])  # fmt: skip
def test_fields_are_judged_before_rights(anna: Someone, body: dict[str, Any], told: str) -> None:
    assert reason(anna.put("/api/profile", body)) == (400, told)


def test_an_admin_may_step_down_while_another_one_stays(office: Office) -> None:
    admin = office.staff("admin")
    stepped = admin.put("/api/profile", {"role": "support"})
    assert data_of(stepped)["role"] == "support"
    assert reason(admin.get("/api/profile")) == DEAD


def test_a_profile_is_changed_at_the_version_and_under_the_key_one_names(anna: Someone) -> None:
    stale = anna.put("/api/profile", {"full_name": "A"}, if_match='"1"')
    assert reason(stale) == (412, "version_conflict")
    key = new_id()
    twice = [anna.put("/api/profile", {"full_name": "B"}, idempotency_key=key) for _ in range(2)]
    assert twice[0].content == twice[1].content


def test_a_new_password_answers_tokens_of_a_fresh_session(office: Office, anna: Someone) -> None:
    elsewhere = Someone(office.bank, anna.email)
    answer = change(anna)
    told = data_of(answer)
    assert set(told) == {
        "message", "access_token", "refresh_token", "token_type", "expires_in",
        "refresh_expires_in",
    }  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"
    for old in (anna, elsewhere):
        assert reason(old.get("/api/profile")) == DEAD
        assert reason(refresh(office.bank, old.tokens["data"]["refresh_token"])) == DEAD
    anna.bearer = f"Bearer {told['access_token']}"
    assert anna.get("/api/profile").status_code == 200
    assert refresh(office.bank, told["refresh_token"]).status_code == 200
    assert reason(login(office.bank, anna.email)) == (401, "invalid_credentials")
    assert login(office.bank, anna.email, NEW).status_code == 200


@pytest.mark.parametrize(("fields", "told"), [
    ({"current_password": None}, "missing_fields"),
    ({"new_password": None, "password_confirmation": "x"}, "missing_fields"),
    ({"new_password": "x", "password_confirmation": None}, "missing_fields"),
    ({"current_password": "wrong", "password_confirmation": " "}, "missing_fields"),
    ({"new_password": "short", "password_confirmation": "short"}, FORMAT),
    ({"new_password": "x" * 256, "password_confirmation": "x" * 256}, FORMAT),
    ({"new_password": 12345678, "password_confirmation": 12345678}, FORMAT),
    ({"current_password": "wrong", "password_confirmation": "differs"}, FORMAT),
    ({"new_password": PASSWORD, "password_confirmation": PASSWORD}, FORMAT),
    ({"current_password": "wrong one", "new_password": "wrong one",
      "password_confirmation": "wrong one"}, FORMAT),
    ({"password": "x"}, "unknown_field"),
])  # fmt: skip
def test_a_password_is_judged_in_order(anna: Someone, fields: dict[str, Any], told: str) -> None:
    answer = change(anna, **fields)
    assert reason(answer) == (400, told)
    assert PASSWORD not in answer.text
    assert anna.get("/api/profile").status_code == 200


def test_staff_need_longer_passwords(office: Office) -> None:
    fourteen = "fourteen chars"
    short = {"new_password": fourteen, "password_confirmation": fourteen}
    answer = change(office.sue, **short)
    assert reason(answer) == (400, FORMAT)
    assert answer.json()["details"]["min_length"] == 15
    assert change(office.customer(), **short).status_code == 200


def test_guessing_the_current_password_is_slowed_down(anna: Someone) -> None:
    for _ in range(5):
        guess = change(anna, current_password="a guess")
        assert reason(guess) == (401, "invalid_credentials")
    throttled = change(anna)
    assert reason(throttled) == (429, "login_throttled")
    assert int(throttled.headers["retry-after"]) >= 1
    assert reason(login(anna.bank, anna.email)) == (429, "login_throttled")


def test_of_many_changes_at_once_one_counts(anna: Someone) -> None:
    names = [f"pass phrase number {number}" for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(
            lambda new: change(anna, new_password=new, password_confirmation=new), names
        ))  # fmt: skip
    won = [each for each in answers if each.status_code == 200]
    assert len(won) == 1
    assert {each.json()["reason"] for each in answers if each not in won} <= {
        "token_revoked", "invalid_credentials", "login_throttled",
    }  # fmt: skip
    [name] = [name for name, each in zip(names, answers, strict=True) if each in won]
    assert login(anna.bank, anna.email, name).status_code in {200, 429}


def test_nobody_anonymous_has_a_profile(office: Office) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("PUT", "/password")):
        answer = office.bank.served.request(method, f"/api/profile{path}")
        assert reason(answer) == (401, "invalid_token")
