"""Sessions over HTTP: where one is signed in, ended one by one, all at once, on both servers."""

from typing import Any

import httpx2
import pytest

from ledger.identity import new_id
from tests.access.house import NOBODY, PASSWORD, Caller, House

LIST = "/api/auth/sessions"
REVOKED = (401, "token_revoked")


def reason(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["reason"]


def validated(house: House, caller: Caller, server: int) -> httpx2.Response:
    return house.ask(caller, "GET", "/api/auth/validate", server=server)


def dead_everywhere(house: House, caller: Caller) -> None:
    """See that neither token is good for anything, on either server, from the next request on."""
    for server in (1, 0):
        assert reason(validated(house, caller, server)) == REVOKED
        asked = {"refresh_token": caller.refresh_token}
        refreshed = house.ask(NOBODY, "POST", "/api/auth/refresh", asked, server=server)
        assert reason(refreshed) == REVOKED
        command = house.ask(caller, "POST", "/api/auth/logout-all", server=server)
        assert reason(command) == REVOKED


def listed(house: House, caller: Caller, path: str = LIST, **sent: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.data(caller, "GET", path, **sent)
    return found


def test_a_session_tells_where_from_and_until_when(house: House) -> None:
    caller = house.customer()
    asked = {"email": caller.email, "password": PASSWORD}
    house.data(NOBODY, "POST", "/api/auth/login", asked, user_agent="A Browser/1.0")
    newest, first = listed(house, caller, server=1)
    assert set(newest) == {
        "id", "current", "started_at", "last_used_at", "expires_at", "ip", "user_agent",
    }  # fmt: skip
    assert (newest["current"], first["current"]) == (False, True)
    assert (newest["ip"], newest["user_agent"]) == ("127.0.0.1", "A Browser/1.0")
    assert newest["last_used_at"] == newest["started_at"] > first["started_at"]
    assert newest["expires_at"] > newest["started_at"]


def test_addresses_and_programs_are_stored_under_their_owners_key_only(house: House) -> None:
    caller = house.customer()
    asked = {"email": caller.email, "password": PASSWORD}
    house.data(NOBODY, "POST", "/api/auth/login", asked, user_agent="Lynx-of-nobody-else")
    newest, _ = listed(house, caller)
    assert newest["user_agent"] == "Lynx-of-nobody-else"
    [(stored,)] = house.rows("SELECT count(*) FROM read.sessions WHERE user_agent LIKE '%%Lynx%%'")
    assert stored == 0
    house.rows("DELETE FROM log.data_keys WHERE subject = %s RETURNING kid", caller.id)
    erased = house.rows("SELECT ip FROM read.sessions WHERE user_id = %s", caller.id)
    assert "127.0.0.1" not in {ip for (ip,) in erased}


def test_a_refresh_is_a_use(house: House) -> None:
    caller = house.customer()
    asked = {"refresh_token": caller.refresh_token}
    pair = house.data(NOBODY, "POST", "/api/auth/refresh", asked, server=1)
    renewed = Caller(id=caller.id, bearer=pair["access_token"])
    [session] = listed(house, renewed)
    assert session["current"]
    assert session["last_used_at"] > session["started_at"]


def test_one_session_is_ended_from_another(house: House) -> None:
    caller = house.customer()
    other = house.login(caller.email, server=1)
    [theirs] = [each["id"] for each in listed(house, caller) if not each["current"]]
    answer = house.ask(caller, "DELETE", f"{LIST}/{theirs}")
    assert answer.json()["data"] == {"message": "Session ended."}
    assert answer.headers["cache-control"] == "no-store"
    dead_everywhere(house, other)
    assert validated(house, caller, 1).status_code == 200
    assert [each["current"] for each in listed(house, caller, server=1)] == [True]
    assert reason(house.ask(caller, "DELETE", f"{LIST}/{theirs}")) == (404, "session_not_found")


def test_ones_own_session_is_ended_too(house: House) -> None:
    caller = house.customer()
    [mine] = [each["id"] for each in listed(house, caller)]
    assert house.ask(caller, "DELETE", f"{LIST}/{mine}").status_code == 200
    dead_everywhere(house, caller)


def test_strangers_sessions_do_not_exist(house: House, admin: Caller) -> None:
    caller, stranger = house.customer(), house.customer()
    [theirs] = [each["id"] for each in listed(house, stranger)]
    for asking in (caller, admin):
        for session_id in (theirs, new_id()):
            answer = house.ask(asking, "DELETE", f"{LIST}/{session_id}")
            assert reason(answer) == (404, "session_not_found")
    assert reason(house.ask(caller, "DELETE", f"{LIST}/x")) == (400, "invalid_uuid_format")
    assert validated(house, stranger, 1).status_code == 200


def test_the_list_follows_the_conventions(house: House) -> None:
    caller = house.customer()
    for _ in range(4):
        house.login(caller.email)
    walked, path = [], f"{LIST}?limit=2&sort=started_at:asc"
    cursor = ""
    for _ in range(3):
        page = house.ask(caller, "GET", path + cursor).json()
        walked += [each["started_at"] for each in page["data"]]
        cursor = f"&cursor={page['metadata']['pagination']['next_cursor']}"
    assert len(walked) == 5
    assert walked == sorted(walked)
    counted = house.ask(caller, "GET", f"{LIST}?page_size=2").json()["metadata"]["pagination"]
    assert (counted["total_count"], counted["total_pages"]) == (5, 3)
    for query, refused in (
        ("user_id=x", "unknown_parameter"),
        ("scope=all", "unknown_parameter"),
        ("sort=ip", "invalid_sort_field"),
        ("cursor=x", "invalid_cursor"),
    ):
        assert reason(house.ask(caller, "GET", f"{LIST}?{query}")) == (400, refused)


@pytest.mark.parametrize("by", ["oneself", "an admin"])
def test_all_sessions_of_a_user_end_at_once(house: House, admin: Caller, by: str) -> None:
    caller = house.customer()
    sessions = [caller, house.login(caller.email, server=1), house.login(caller.email)]
    path = f"/api/users/{caller.id}/logout-all" if by == "an admin" else "/api/auth/logout-all"
    answer = house.ask(admin if by == "an admin" else caller, "POST", path, server=1)
    assert answer.json()["data"] == {"message": "Signed out everywhere."}
    for each in sessions:
        dead_everywhere(house, each)
    again = house.login(caller.email)
    assert [each["current"] for each in listed(house, again, server=1)] == [True]
    versions = house.rows(
        "SELECT version FROM log.events WHERE stream_id = %s AND name = %s",
        f"user-{caller.id}", "UserSessionsInvalidated",
    )  # fmt: skip
    assert len(versions) == 1


def test_an_admin_ends_sessions_once_per_key(house: House, admin: Caller) -> None:
    caller, key = house.customer(), new_id()
    path = f"/api/users/{caller.id}/logout-all"
    first = house.ask(admin, "POST", path, idempotency_key=key)
    back = house.login(caller.email)
    again = house.ask(admin, "POST", path, idempotency_key=key, server=1)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert validated(house, back, 0).status_code == 200


def test_others_sessions_are_for_admins_and_auditors(
    house: House, admin: Caller, auditor: Caller
) -> None:
    caller = house.customer()
    path = f"/api/users/{caller.id}/sessions"
    for reader in (admin, auditor):
        [session] = listed(house, reader, path)
        assert (session["current"], session["ip"]) == (False, "127.0.0.1")
        unknown = house.ask(reader, "GET", f"/api/users/{new_id()}/sessions")
        assert reason(unknown) == (404, "user_not_found")
    unknown = house.ask(admin, "POST", f"/api/users/{new_id()}/logout-all")
    assert reason(unknown) == (404, "user_not_found")
    assert reason(house.ask(caller, "GET", path)) == (403, "insufficient_permissions")


def test_what_is_suspended_or_given_another_role_counts_at_the_next_request(house: House) -> None:
    caller = house.customer()
    house.rows(
        "UPDATE log.principals SET role = 'auditor' WHERE user_id = %s RETURNING role", caller.id
    )
    assert house.data(caller, "GET", "/api/auth/validate", server=1)["role"] == "auditor"
    assert house.ask(caller, "GET", "/api/ledger/trial-balance").status_code == 200
    house.rows(
        "UPDATE log.principals SET status = 'SUSPENDED' WHERE user_id = %s RETURNING role",
        caller.id,
    )
    assert reason(validated(house, caller, 1)) == REVOKED
