"""Service accounts over HTTP: a key shown once, scopes that bind, an end that is felt at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from ledger.identity import new_id
from ledger.policies.access import SCOPES
from tests.access.house import NOBODY, Caller, House

PATH = "/api/service-accounts"
INVALID, REVOKED = (401, "invalid_token"), (401, "token_revoked")
BODY = {"name": "Payroll", "scopes": ["transfers:write"]}


def reason(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["reason"]


def keyed(account: dict[str, Any]) -> Caller:
    return Caller(id=account["id"], role="service", bearer=account["api_key"])


def account_of(house: House, admin: Caller, owner: Caller, opening: str = "100.00") -> str:
    body = {
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": "Everyday",
        "user_id": owner.id,
        "opening_balance": opening,
    }
    return str(house.data(admin, "POST", "/api/accounts", body)["id"])


def transfer(source: str, destination: str, amount: str = "1.00") -> dict[str, str]:
    return {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": amount,
        "description": "Wages",
    }


@pytest.fixture(scope="module")
def accounts(house: House, admin: Caller) -> tuple[str, str]:
    """Two accounts of two customers with 100,000.00 each."""
    return (
        account_of(house, admin, house.customer(), "100000.00"),
        account_of(house, admin, house.customer(), "100000.00"),
    )


def test_a_key_is_shown_once(house: House, admin: Caller, auditor: Caller) -> None:
    answer = house.ask(admin, "POST", PATH, BODY)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()["data"]
    assert answer.headers["location"] == f"{PATH}/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    key = made.pop("api_key")
    assert made["key_prefix"] == key[:53]
    assert key.startswith(f"lbk_{made['id']}_")
    assert len(key.rpartition("_")[2]) * 4 == 256 + 48
    assert (made["name"], made["scopes"], made["status"]) == (
        "Payroll", ["transfers:write"], "ACTIVE",
    )  # fmt: skip
    shown = house.ask(auditor, "GET", f"{PATH}/{made['id']}", server=1)
    assert shown.json()["data"] == made
    assert shown.headers["etag"] == '"1"'
    assert made in house.data(auditor, "GET", f"{PATH}?sort=inserted_at:desc&status=active")
    assert made["last_used_at"] is None


def test_only_the_hash_of_a_key_is_kept(house: House, admin: Caller) -> None:
    made = house.data(admin, "POST", PATH, BODY, idempotency_key=new_id())
    secret = made["api_key"][53:].encode()
    for table in ("log.events", "log.commands", "log.service_keys", "read.service_accounts"):
        for (row,) in house.rows(f"SELECT t::text FROM {table} AS t"):
            assert secret not in row.encode()
            assert secret.hex() not in row


def test_a_repeated_request_shows_no_key_and_makes_no_account(house: House, admin: Caller) -> None:
    key = new_id()
    first = house.ask(admin, "POST", PATH, BODY, idempotency_key=key)
    again = house.ask(admin, "POST", PATH, BODY, idempotency_key=key, server=1)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    shown, hidden = first.json()["data"], again.json()["data"]
    assert shown.pop("api_key").startswith("lbk_")
    assert hidden.pop("api_key") is None
    assert shown == hidden
    path = f"{PATH}/{shown['id']}/rotate-key"
    first = house.ask(admin, "POST", path, idempotency_key=key + "r")
    again = house.ask(admin, "POST", path, idempotency_key=key + "r")
    assert again.json()["data"] == first.json()["data"] | {"api_key": None}
    assert house.ask(keyed(first.json()["data"]), "GET", "/api/auth/validate").status_code == 200


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, "missing_fields"),
        ({"name": " "}, "missing_fields"),
        ({"name": "x" * 101}, "invalid_name_format"),
        ({"name": 5}, "invalid_name_format"),
        ({"name": "x", "scopes": []}, "invalid_field_value"),
        ({"name": "x", "scopes": "transfers:write"}, "invalid_field_value"),
        ({"name": "x", "scopes": ["everything"]}, "invalid_field_value"),
        ({"name": "x", "scopes": [["ledger:read"]]}, "invalid_field_value"),
        ({"name": "x", "api_key": "lbk_mine"}, "unknown_field"),
    ],
)
def test_a_malformed_account_is_refused(
    house: House, admin: Caller, body: dict[str, Any], refused: str
) -> None:
    assert reason(house.ask(admin, "POST", PATH, body)) == (400, refused)


def test_what_is_not_said_is_everything_but_opening_accounts(house: House, admin: Caller) -> None:
    made = house.data(admin, "POST", PATH, {"name": "Usual"})
    assert made["scopes"] == [scope for scope in SCOPES if scope != "accounts:write"]
    doubled = house.data(
        admin, "POST", PATH, {"name": "x", "scopes": ["ledger:read", "holds:write", "ledger:read"]}
    )
    assert doubled["scopes"] == ["holds:write", "ledger:read"]


def test_a_machine_knows_itself(house: House, admin: Caller) -> None:
    robot = house.machine(admin, "ledger:read")
    assert house.data(robot, "GET", "/api/auth/validate", server=1) == {
        "valid": True,
        "user_id": robot.id,
        "role": "service",
        "expires_at": None,
    }
    assert house.data(admin, "GET", f"{PATH}/{robot.id}")["last_used_at"] is not None


def test_a_replaced_key_is_dead_in_every_process(
    house: House, admin: Caller, accounts: tuple[str, str]
) -> None:
    robot = house.machine(admin, *SCOPES)
    for server in (0, 1):
        assert house.ask(
            robot, "POST", "/api/transfers", transfer(*accounts), server=server
        ).is_success
    rotated = house.ask(admin, "POST", f"{PATH}/{robot.id}/rotate-key", server=1)
    assert rotated.headers["etag"] == '"2"'
    renewed = keyed(rotated.json()["data"])
    for server in (0, 1):
        asked = house.ask(robot, "POST", "/api/transfers", transfer(*accounts), server=server)
        assert reason(asked) == INVALID
        assert reason(house.ask(robot, "GET", "/api/accounts", server=server)) == INVALID
        assert house.ask(
            renewed, "POST", "/api/transfers", transfer(*accounts), server=server
        ).is_success
        assert house.ask(renewed, "GET", "/api/accounts", server=server).is_success


def test_a_disabled_machine_is_dead_in_every_process(
    house: House, admin: Caller, accounts: tuple[str, str]
) -> None:
    robot = house.machine(admin, *SCOPES)
    for server in (0, 1):
        assert house.ask(
            robot, "POST", "/api/transfers", transfer(*accounts), server=server
        ).is_success
    path = f"{PATH}/{robot.id}"
    ended = house.ask(admin, "DELETE", path)
    assert (ended.status_code, ended.json()["data"]["status"]) == (200, "DISABLED")
    for server in (1, 0):
        asked = house.ask(robot, "POST", "/api/transfers", transfer(*accounts), server=server)
        assert reason(asked) == REVOKED
        assert reason(house.ask(robot, "GET", "/api/accounts", server=server)) == REVOKED
    again = house.ask(admin, "DELETE", path, server=1)
    assert again.json()["data"] | {"last_used_at": None} == ended.json()["data"] | {
        "last_used_at": None
    }
    assert house.data(admin, "GET", path)["status"] == "DISABLED"
    gone = (404, "service_account_not_found")
    assert reason(house.ask(admin, "POST", f"{path}/rotate-key")) == gone


def test_an_unknown_machine_and_an_old_version_are_told(house: House, admin: Caller) -> None:
    robot, gone = house.machine(admin, "ledger:read"), (404, "service_account_not_found")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate-key")):
        assert reason(house.ask(admin, method, f"{PATH}/{new_id()}{path}")) == gone
        assert reason(house.ask(admin, method, f"{PATH}/x{path}")) == (400, "invalid_uuid_format")
        if method != "GET":
            stale = house.ask(admin, method, f"{PATH}/{robot.id}{path}", if_match='"7"')
            assert reason(stale) == (412, "version_conflict")
    assert house.ask(robot, "GET", "/api/auth/validate").status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key.upper(),
        lambda key: key.replace("lbk_", "lbx_"),
        lambda key: f"lbk_{new_id()}_{key.rpartition('_')[2]}",
        lambda key: f"lbk_{key.split('_')[1]}_",
        lambda key: key[:4],
        lambda key: key.replace("_", "-"),
        lambda key: f"{key} {key}",
    ],
)
def test_what_is_nearly_a_key_is_none(house: House, admin: Caller, spoil: Any) -> None:
    robot = house.machine(admin, "ledger:read")
    assert house.ask(robot, "GET", "/api/auth/validate").status_code == 200
    answer = house.ask(Caller(bearer=spoil(robot.bearer)), "GET", "/api/auth/validate")
    assert reason(answer) == INVALID
    assert answer.headers["www-authenticate"] == 'Bearer realm="ledgerbank", error="invalid_token"'


def test_a_repeated_transfer_of_a_machine_is_answered_as_before(
    house: House, admin: Caller, accounts: tuple[str, str]
) -> None:
    robot, other, key = house.machine(admin, *SCOPES), house.machine(admin, *SCOPES), new_id()
    asked = transfer(*accounts)
    first = house.ask(robot, "POST", "/api/transfers", asked, idempotency_key=key)
    again = house.ask(robot, "POST", "/api/transfers", asked, idempotency_key=key, server=1)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert first.json()["data"]["description"] == "Wages"
    assert first.json()["data"]["initiated_by"] == robot.id
    others = house.ask(other, "POST", "/api/transfers", asked, idempotency_key=key)
    assert others.json()["data"]["id"] != first.json()["data"]["id"]
    path = f"/api/transfers/{first.json()['data']['id']}"
    assert house.data(robot, "GET", path, server=1) == first.json()["data"]


def test_no_limit_holds_a_machine_but_the_balance_does(
    house: House, admin: Caller, accounts: tuple[str, str]
) -> None:
    robot = house.machine(admin, "transfers:write")
    large = transfer(*accounts, amount="20000.00")
    assert house.ask(robot, "POST", "/api/transfers", large).status_code == 201
    over = house.ask(robot, "POST", "/api/transfers", transfer(*accounts, amount="90000.00"))
    assert reason(over) == (422, "insufficient_funds")


def test_a_machine_must_say_for_whom_it_opens_an_account(house: House, admin: Caller) -> None:
    robot, owner = house.machine(admin, "accounts:write"), house.customer()
    body = {"currency": "USD", "account_type": "CHECKING", "account_name": "Everyday"}
    answer = house.ask(robot, "POST", "/api/accounts", body)
    assert reason(answer) == (400, "missing_fields")
    assert answer.json()["details"]["field"] == "user_id"
    made = house.data(robot, "POST", "/api/accounts", body | {"user_id": owner.id})
    assert made["user_id"] == owner.id
    unknown = house.ask(robot, "POST", "/api/accounts", body | {"user_id": new_id()})
    assert reason(unknown) == (404, "user_not_found")


def test_the_log_names_the_machine_and_not_its_scopes(
    house: House, admin: Caller, accounts: tuple[str, str]
) -> None:
    robot = house.machine(admin, *SCOPES)
    made = house.data(robot, "POST", "/api/transfers", transfer(*accounts))
    [(envelope,)] = house.rows(
        "SELECT convert_from(data, 'UTF8')::jsonb -> 'metadata' -> 'actor' FROM log.events"
        " WHERE stream_id = %s",
        f"transfer-{made['id']}",
    )
    assert envelope == {"type": "service", "id": robot.id, "role": "service"}


@pytest.mark.parametrize(
    "path", ["/api/users", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout"]
)
def test_a_machine_neither_registers_nor_signs_in(house: House, admin: Caller, path: str) -> None:
    robot = house.machine(admin, *SCOPES)
    assert reason(house.ask(robot, "POST", path, {})) == (403, "insufficient_permissions")
    assert reason(house.ask(NOBODY, "POST", path, {})) == (400, "missing_fields")


def test_of_many_rotations_at_once_the_last_key_counts(house: House, admin: Caller) -> None:
    robot = house.machine(admin, "ledger:read")
    path = f"{PATH}/{robot.id}/rotate-key"
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda n: house.ask(admin, "POST", path, server=n % 2), range(6))
        )
    made = sorted((each.json()["data"] for each in answers), key=lambda each: each["version"])
    assert [each["version"] for each in made] == [2, 3, 4, 5, 6, 7]
    alive = [house.ask(keyed(each), "GET", "/api/auth/validate").is_success for each in made]
    assert alive == [False] * 5 + [True]
