"""Users over HTTP: who lets whom join, sees whom, changes what, and deletes (http.md §4.6)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.identity import new_id
from ops.embedded.postgres import Place
from tests.api.bank import PASSWORD, opened
from tests.api.office import Office, Someone, staffed
from tests.api.signing_in import data_of, login, reason, refresh, register

DENIED, NOBODY = (403, "insufficient_permissions"), (404, "user_not_found")
DEAD = (401, "token_revoked")
LONG = "a pass phrase of staff"


@pytest.fixture(scope="module")
def office(postgres_server: Place, migrated: str) -> Iterator[Office]:
    with staffed(postgres_server, migrated) as running:
        yield running


def newcomer(**fields: Any) -> dict[str, Any]:
    known = {
        "email": f"{new_id()}@example.com",
        "full_name": "New Comer",
        "password": LONG,
        "password_confirmation": LONG,
    }
    return known | fields


def test_an_admin_lets_somebody_join_in_a_role(office: Office) -> None:
    for role in ("user", "support", "admin", "auditor"):
        answer = office.ada.post("/api/users/admin", newcomer(role=role.upper()))
        assert answer.status_code == 201, answer.text
        user = data_of(answer)
        assert (user["role"], user["status"]) == (role, "ACTIVE")
        assert answer.headers["location"] == f"/api/users/{user['id']}"
        assert login(office.bank, user["email"], LONG).status_code == 200
    assert data_of(office.ada.post("/api/users/admin", newcomer()))["role"] == "user"


@pytest.mark.parametrize(("fields", "told"), [
    ({"role": "root"}, "invalid_role"),
    ({"role": 1}, "invalid_role"),
    ({"role": "support", "password": "short one", "password_confirmation": "short one"},
     "invalid_password_format"),
    ({"password": "short", "password_confirmation": "short"}, "invalid_password_format"),
    ({"email": "x"}, "invalid_email_format"),
    ({"status": "ACTIVE"}, "unknown_field"),
    ({"full_name": None}, "missing_fields"),
])  # fmt: skip
def test_an_admin_is_told_what_is_wrong(office: Office, fields: dict[str, Any], told: str) -> None:
    assert reason(office.ada.post("/api/users/admin", newcomer(**fields))) == (400, told)


def test_a_customer_may_have_a_shorter_password_than_staff(office: Office) -> None:
    short = {"password": "8 letter", "password_confirmation": "8 letter"}
    assert office.ada.post("/api/users/admin", newcomer(role="user", **short)).status_code == 201


def test_only_an_admin_lets_others_join(office: Office) -> None:
    for caller in (office.sue, office.audrey, office.customer()):
        assert reason(caller.post("/api/users/admin", newcomer())) == DENIED
    taken = newcomer(email=office.sue.email.upper())
    assert reason(office.ada.post("/api/users/admin", taken)) == (409, "email_already_exists")


def test_a_key_lets_somebody_join_once(office: Office) -> None:
    body, key = newcomer(), new_id()
    first, again = (
        office.ada.post("/api/users/admin", body, idempotency_key=key) for _ in range(2)
    )
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"


def test_readers_see_everybody_and_others_themselves(office: Office) -> None:
    anna = office.customer()
    path = f"/api/users/{anna.id}"
    for caller in (office.ada, office.sue, office.audrey, anna):
        answer = caller.get(path)
        assert data_of(answer)["email"] == anna.email
        assert answer.headers["etag"] == f'"{data_of(answer)["version"]}"'
        assert caller.get(path, if_none_match=answer.headers["etag"]).status_code == 304
    assert data_of(anna.get(path.upper().replace("/API/USERS", "/api/users")))["id"] == anna.id
    for unseen in (office.user()["id"], new_id(), "not-a-uuid", "stats "):
        assert reason(anna.get(f"/api/users/{unseen}")) == DENIED
    assert reason(office.audrey.get(f"/api/users/{new_id()}")) == NOBODY
    assert reason(office.audrey.get("/api/users/not-a-uuid")) == (400, "invalid_uuid_format")
    assert reason(office.sue.get(f"{path}?role=user")) == (400, "unknown_parameter")


@pytest.mark.parametrize("path", ["/api/users", "/api/users/keyset", "/api/users/stats"])
def test_who_may_look_at_all_of_them(office: Office, path: str) -> None:
    assert reason(office.customer().get(path)) == DENIED
    assert office.ada.get(path).status_code == office.audrey.get(path).status_code == 200
    assert (office.sue.get(path).status_code == 200) is not path.endswith("stats")


def test_lists_are_filtered_and_sorted(office: Office) -> None:
    anna, boris = office.user(full_name="Aa Aa"), office.user(full_name="Ab Ab")
    change = {"verified": True, "status": "SUSPENDED"}
    assert office.ada.put(f"/api/users/{boris['id']}", change).status_code == 200

    def ids(**query: str) -> list[str]:
        asked = "&".join(f"{name}={value}" for name, value in {"page_size": "100", **query}.items())
        return [each["id"] for each in data_of(office.audrey.get(f"/api/users?{asked}"))]  # type: ignore[index]

    mine = [anna["id"], boris["id"]]
    assert ids(email=anna["email"].upper()) == [anna["id"]]
    for query, found in (
        ({"status": "suspended"}, {boris["id"]}),
        ({"status": "ACTIVE"}, {anna["id"]}),
        ({"active": "true"}, {anna["id"]}),
        ({"suspended": "true"}, {boris["id"]}),
        ({"verified": "true"}, {boris["id"]}),
        ({"verified": "false"}, {anna["id"]}),
        ({"deleted": "false"}, set(mine)),
        ({"role": "USER"}, set(mine)),
        ({"role": "admin"}, set()),
        ({"date_from": anna["inserted_at"]}, set(mine)),
        ({"date_to": anna["inserted_at"]}, {anna["id"]}),
    ):
        assert set(ids(**query)) & set(mine) == found, query
    assert [each for each in ids(sort="full_name:desc,inserted_at") if each in mine] == mine[::-1]
    assert [each for each in ids(sort="status,email:desc") if each in mine] == mine
    assert ids()[:2] == mine[::-1], "the newest come first"


@pytest.mark.parametrize(("query", "told"), [
    ("status=WRONG", "invalid_status"),
    ("role=root", "invalid_role"),
    ("active=1", "invalid_field_value"),
    ("email=", "missing_fields"),
    ("sort=password_hash", "invalid_sort_field"),
    ("date_from=2025-03-01", "invalid_datetime_format"),
    ("scope=all", "unknown_parameter"),
    ("cursor=e30", "invalid_cursor"),
])  # fmt: skip
def test_a_list_says_what_is_wrong(office: Office, query: str, told: str) -> None:
    assert reason(office.audrey.get(f"/api/users?{query}")) == (400, told)


def test_a_walk_meets_everybody_once_with_either_cursor(office: Office) -> None:
    newest = [office.user()["id"] for _ in range(4)][::-1]
    seen, signed, query = [], "", "limit=2&role=user"
    for _ in range(2):
        answer = office.sue.get(f"/api/users/keyset?{query}{signed}").json()
        seen += answer["data"]
        pagination = answer["metadata"]["pagination"]
        assert (pagination["type"], pagination["limit"]) == ("keyset", 2)
        signed = f"&cursor={pagination['next_cursor']}"
    assert [each["id"] for each in seen] == newest
    place = f'{{"inserted_at":"{seen[1]["inserted_at"]}","id":"{seen[1]["id"].upper()}"}}'
    spelled = office.sue.get(f"/api/users/keyset?{query}&cursor={place}").json()
    assert spelled["data"] == seen[2:]
    assert len(office.sue.get("/api/users/keyset").json()["data"]) > 4
    foreign = office.sue.get(f"/api/users/keyset?limit=2&role=admin{signed}")
    assert reason(foreign) == (400, "invalid_cursor")


@pytest.mark.parametrize("query", [
    'cursor={"inserted_at":"x","id":"00000000-0000-7000-8000-000000000000"}',
    'cursor={"inserted_at":"2026-01-01T00:00:00Z","id":"x"}',
    'cursor={"inserted_at":"2026-01-01T00:00:00Z"}',
    'cursor={"inserted_at":"2026-01-01T00:00:00Z","id":"x","a":1}',
    "cursor={", "cursor=nonsense",
])  # fmt: skip
def test_a_walk_refuses_a_cursor_that_is_none(office: Office, query: str) -> None:
    assert reason(office.sue.get(f"/api/users/keyset?{query}")) == (400, "invalid_cursor")


@pytest.mark.parametrize("query", ["page=1", "page_size=2", "sort=email"])
def test_a_walk_has_one_order_and_no_numbers(office: Office, query: str) -> None:
    assert reason(office.sue.get(f"/api/users/keyset?{query}")) == (400, "unknown_parameter")


def test_people_are_counted_by_what_they_are(office: Office) -> None:
    before = data_of(office.audrey.get("/api/users/stats"))
    joined = [office.user()["id"] for _ in range(3)]
    office.ada.put(f"/api/users/{joined[0]}", {"status": "SUSPENDED"})
    office.ada.put(f"/api/users/{joined[1]}", {"role": "admin"})
    office.ada.delete(f"/api/users/{joined[2]}")
    after = data_of(office.ada.get("/api/users/stats"))
    assert {name: after[name] - before[name] for name in before} == {
        "total_users": 2, "active_users": 1, "suspended_users": 1, "deleted_users": 1,
        "admin_users": 1,
    }  # fmt: skip


CHANGES: list[tuple[dict[str, Any], bool, bool]] = [
    ({"full_name": "Somebody Else"}, True, False),
    ({"email": "NEW"}, True, False),
    ({"role": "auditor"}, False, False),
    ({"status": "SUSPENDED"}, False, False),
    ({"verified": True}, False, False),
    ({"full_name": "Somebody Else", "verified": True}, False, False),
]


@pytest.mark.parametrize(("change", "of_customer", "of_staff"), CHANGES)
def test_who_may_change_which_field(
    office: Office, change: dict[str, Any], *, of_customer: bool, of_staff: bool
) -> None:
    customer, colleague = office.user(), office.staff("support")
    if "email" in change:
        change = {"email": f" {new_id()}@EXAMPLE.com "}
    targets = {customer["id"]: of_customer, colleague.id: of_staff, office.sue.id: of_staff}
    for target, allowed in targets.items():
        answer = office.sue.put(f"/api/users/{target}", change)
        assert answer.status_code == 200 if allowed else reason(answer) == DENIED
    for caller in (office.audrey, office.customer()):
        assert reason(caller.put(f"/api/users/{customer['id']}", change)) == DENIED
    changed = office.ada.put(f"/api/users/{customer['id']}", change)
    assert changed.status_code == 200, changed.text
    expected = {name: value.strip().lower() if name == "email" else value
                for name, value in change.items()}  # fmt: skip
    told = data_of(changed)
    assert {name: told[name] for name in change} == expected
    assert changed.headers["etag"] == f'"{told["version"]}"'
    seen = data_of(office.audrey.get(f"/api/users/{customer['id']}"))
    assert seen == told


@pytest.mark.parametrize(("body", "told"), [
    ({}, "missing_fields"),
    ({"role": None}, "missing_fields"),
    ({"role": "root"}, "invalid_role"),
    ({"status": "DELETED"}, "invalid_status"),
    ({"verified": "yes"}, "invalid_field_value"),
    ({"email": "a"}, "invalid_email_format"),
    ({"full_name": "a\nb"}, "invalid_name_format"),
    ({"password": PASSWORD}, "unknown_field"),
    ({"version": 1}, "unknown_field"),
])  # fmt: skip
def test_a_change_says_what_is_wrong(office: Office, body: dict[str, Any], told: str) -> None:
    assert reason(office.ada.put(f"/api/users/{office.sue.id}", body)) == (400, told)


def test_a_change_can_name_the_version_it_is_for(office: Office) -> None:
    path = f"/api/users/{office.user()['id']}"
    assert reason(office.ada.put(path, {"verified": True}, if_match='"1"'))[1] == "version_conflict"
    changed = office.ada.put(path, {"verified": True}, if_match='"2"')
    assert changed.headers["etag"] == '"3"'
    assert reason(office.ada.delete(path, if_match='"2"')) == (412, "version_conflict")
    assert reason(office.ada.put(f"/api/users/{new_id()}", {"verified": True})) == NOBODY


def test_a_key_changes_once_and_is_answered_the_same(office: Office) -> None:
    path, key = f"/api/users/{office.user()['id']}", new_id()
    answers = [office.ada.put(path, {"full_name": "Once"}, idempotency_key=key) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert [each.headers.get("idempotent-replayed") for each in answers] == [None, "true"]
    assert data_of(office.ada.get(path))["version"] == 3


def test_a_new_address_signs_in_and_frees_the_old_one(office: Office) -> None:
    anna = office.customer()
    new = f"{new_id()}@example.com"
    assert data_of(office.sue.put(f"/api/users/{anna.id}", {"email": new}))["email"] == new
    assert login(office.bank, new).status_code == 200
    assert reason(login(office.bank, anna.email)) == (401, "invalid_credentials")
    register(office.bank, anna.email)
    taken = office.sue.put(f"/api/users/{anna.id}", {"email": anna.email})
    assert reason(taken) == (409, "email_already_exists")
    assert anna.get("/api/profile").status_code == 200, "an address ends no session"


@pytest.mark.parametrize("change", [{"role": "support"}, {"status": "SUSPENDED"}, None])
def test_what_ends_a_session_ends_it_on_the_next_request_everywhere(
    office: Office, change: dict[str, Any] | None
) -> None:
    with opened(office.bank.dsn) as other:
        anna = office.customer()
        assert anna.get("/api/profile").status_code == 200
        assert anna.at(other).get("/api/profile").status_code == 200
        path = f"/api/users/{anna.id}"
        changed = office.ada.delete(path) if change is None else office.ada.put(path, change)
        assert changed.status_code == 200
        for bank in (other, office.bank):
            assert reason(anna.at(bank).get("/api/profile")) == DEAD
            assert reason(anna.at(bank).put("/api/profile", {"full_name": "X"})) == DEAD
            assert reason(refresh(bank, anna.tokens["data"]["refresh_token"])) == DEAD
        if change == {"status": "SUSPENDED"}:
            assert reason(login(other, anna.email)) == (422, "account_inactive")
            back = office.ada.put(path, {"status": "ACTIVE"})
            assert data_of(back)["status"] == "ACTIVE"
            assert reason(anna.at(other).get("/api/profile")) == DEAD
            assert login(other, anna.email).status_code == 200


def test_a_deleted_user_is_nobody_to_others_and_a_shell_to_staff(office: Office) -> None:
    anna = office.customer()
    path = f"/api/users/{anna.id}"
    for caller in (office.sue, office.audrey, office.customer(), anna):
        assert reason(caller.delete(path)) == DENIED
    answer = office.ada.delete(path)
    assert (answer.status_code, set(data_of(answer))) == (200, {"message"})
    shell = data_of(office.sue.get(path))
    assert [shell[name] for name in ("status", "deleted", "active", "email", "full_name")] == [
        "DELETED", True, False, None, None,
    ]  # fmt: skip
    assert reason(office.ada.delete(path)) == NOBODY
    assert reason(office.ada.put(path, {"full_name": "Back"})) == NOBODY
    assert reason(login(office.bank, anna.email)) == (401, "invalid_credentials")
    for query in ("", "&active=false"):
        listed = data_of(office.sue.get(f"/api/users?page_size=100{query}"))
        assert anna.id not in [each["id"] for each in listed]  # type: ignore[index]
    for query in ("status=DELETED", "deleted=true"):
        listed = data_of(office.sue.get(f"/api/users?{query}&page_size=100"))
        assert anna.id in [each["id"] for each in listed]  # type: ignore[index]
    assert register(office.bank, anna.email)["id"] != anna.id


def test_nothing_of_a_deleted_person_can_be_read_any_more(office: Office) -> None:
    bank, key = office.bank, new_id()
    canary = register(bank, f"canary-{new_id()}@example.com", full_name="Cana Ry")
    renamed = {"full_name": "Cana Ry the Second"}
    path = f"/api/users/{canary['id']}"
    assert office.ada.put(path, renamed, idempotency_key=key).status_code == 200
    [(keys,)] = bank.execute("SELECT count(*) FROM log.data_keys")
    [(credentials,)] = bank.execute("SELECT count(*) FROM log.credentials")
    assert office.ada.delete(path).status_code == 200
    assert bank.execute("SELECT count(*) FROM log.data_keys") == [(keys - 1,)]
    assert bank.execute("SELECT count(*) FROM log.credentials") == [(credentials - 1,)]
    own = bank.execute("SELECT FROM log.data_keys WHERE subject = %s", canary["id"])
    assert own == []
    replayed = office.ada.put(path, renamed, idempotency_key=key)
    assert reason(replayed) == NOBODY
    assert "Cana" not in replayed.text
    assert "canary" not in str(office.ada.get("/api/users?deleted=true&page_size=100").json())


def test_no_admin_deletes_or_demotes_the_last_one(office: Office) -> None:
    assert reason(office.ada.delete(f"/api/users/{office.ada.id}")) == DENIED
    admins = data_of(office.ada.get("/api/users?role=admin&active=true&page_size=100"))
    others = [each["id"] for each in admins if each["id"] != office.ada.id]  # type: ignore[index]
    for other in others:
        office.ada.put(f"/api/users/{other}", {"role": "user"})
    own = f"/api/users/{office.ada.id}"
    for change in ({"role": "support"}, {"status": "SUSPENDED"}):
        assert reason(office.ada.put(own, change)) == (409, "last_admin")
        assert reason(office.ada.put("/api/profile", change)) == (409, "last_admin")
    assert office.ada.get("/api/profile").status_code == 200
    office.ada.put(f"/api/users/{office.eve.id}", {"role": "admin"})
    office.eve = Someone(office.bank, office.eve.email)


def test_of_two_admins_who_demote_each_other_one_stays(office: Office) -> None:
    admins = data_of(office.ada.get("/api/users?role=admin&active=true&page_size=100"))
    two = {office.ada.id, office.eve.id}
    for each in admins:
        if each["id"] not in two:  # type: ignore[index]
            office.ada.put(f"/api/users/{each['id']}", {"role": "user"})  # type: ignore[index]
    with opened(office.bank.dsn) as other, ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            ada, eve = office.ada, office.eve
            asked = [
                threads.submit(ada.put, f"/api/users/{eve.id}", {"role": "user"}),
                threads.submit(eve.at(other).put, f"/api/users/{ada.id}", {"role": "user"}),
            ]
            outcomes = [each.result() for each in asked]
            assert sorted(each.status_code == 200 for each in outcomes) == [False, True]
            winner, loser = (ada, eve) if outcomes[0].status_code == 200 else (eve, ada)
            (refused,) = (reason(each) for each in outcomes if each.status_code != 200)
            assert refused in {(401, "token_revoked"), DENIED, (409, "last_admin")}
            assert winner.put(f"/api/users/{loser.id}", {"role": "admin"}).status_code == 200
            back = Someone(office.bank, loser.email)
            office.ada, office.eve = (ada, back) if winner is ada else (back, eve)
