"""The catalogue over HTTP: banks listed, changed, given branches with checked numbers."""

from itertools import count
from typing import Any

import httpx2
import pytest

from api.commands.bank_fields import branch_fields
from api.fields import Faults, read_body
from ledger.identity import new_id
from tests.access.house import Caller, House

NUMBERS = count(1)
URL = "https://bank.example/logo.svg"


def blank() -> dict[str, Any]:
    number = next(NUMBERS)
    return {"name": f"Bank ({number}) & Co.", "code": f"BANK_{number}", "country": "GB"}


def reason(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


def test_a_bank_is_listed_and_shown(house: House, admin: Caller, auditor: Caller) -> None:
    body = blank() | {"logo_url": URL, "provider": "sandbox"}
    key = new_id()
    answer = house.ask(admin, "POST", "/api/banks", body, idempotency_key=key)
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert answer.headers["location"] == f"/api/banks/{made['id']}"
    assert made.items() >= {**body, "status": "ACTIVE", "api_endpoint": None, "version": 1}.items()
    again = house.ask(admin, "POST", "/api/banks", body, idempotency_key=key, server=1)
    assert again.json()["data"] == made
    shown = house.ask(auditor, "GET", f"/api/banks/{made['id']}", server=1)
    assert shown.json()["data"] == made
    assert shown.headers["etag"] == '"1"'
    assert made in house.data(auditor, "GET", "/api/banks?provider=sandbox&sort=inserted_at:desc")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"name": None}, "missing_fields"),
        ({"name": "X"}, "invalid_name_format"),
        ({"name": "No #1"}, "invalid_name_format"),
        ({"name": "Under_score"}, "invalid_name_format"),
        ({"code": "ab"}, "invalid_field_value"),
        ({"code": "LEDGERBANK"}, "invalid_field_value"),
        ({"country": "gb"}, "invalid_country_format"),
        ({"logo_url": "ftp://x"}, "invalid_url_format"),
        ({"provider": "acme"}, "invalid_field_value"),
        ({"status": "CLOSED"}, "invalid_status"),
        ({"iban": "GB00"}, "unknown_field"),
    ],
)
def test_a_malformed_bank_is_refused(
    house: House, admin: Caller, change: dict[str, Any], refused: str
) -> None:
    answer = house.ask(admin, "POST", "/api/banks", blank() | change)
    assert reason(answer) == (400, refused)


def test_a_bank_changes_and_gives_its_old_name_back(house: House, admin: Caller) -> None:
    body = blank() | {"logo_url": URL}
    made = house.data(admin, "POST", "/api/banks", body)
    path = f"/api/banks/{made['id']}"
    changed = house.ask(
        admin, "PUT", path, {"name": made["name"] + " Ltd", "logo_url": None, "status": "INACTIVE"},
        headers={"if-match": '"1"'},
    )  # fmt: skip
    assert changed.status_code == 200, changed.text
    shown = changed.json()["data"]
    assert (shown["name"], shown["logo_url"], shown["status"], shown["version"]) == (
        made["name"] + " Ltd", None, "INACTIVE", 2,
    )  # fmt: skip
    assert house.data(admin, "GET", path, server=1) == shown
    assert house.ask(admin, "PUT", path, {"status": "INACTIVE"}).headers["etag"] == '"2"'
    stale = house.ask(admin, "PUT", path, {"status": "ACTIVE"}, headers={"if-match": '"1"'})
    assert reason(stale) == (412, "version_conflict")
    heir = house.data(admin, "POST", "/api/banks", blank() | {"name": made["name"]})
    taken = house.ask(admin, "PUT", f"/api/banks/{heir['id']}", {"name": shown["name"]}, server=1)
    assert reason(taken) == (409, "bank_already_exists")
    for refused, change in (("unknown_field", {"code": "NEW_CODE"}), ("missing_fields", {})):
        assert reason(house.ask(admin, "PUT", path, change)) == (400, refused)
    unknown = house.ask(admin, "PUT", f"/api/banks/{new_id()}", {"status": "ACTIVE"})
    assert reason(unknown) == (404, "bank_not_found")


def test_names_and_codes_belong_to_one_bank(house: House, admin: Caller) -> None:
    made = house.data(admin, "POST", "/api/banks", blank())
    for field in ("name", "code"):
        twin = blank() | {field: made[field]}
        answer = house.ask(admin, "POST", "/api/banks", twin, server=1)
        assert reason(answer) == (409, "bank_already_exists")


def test_a_branch_joins_its_bank(house: House, admin: Caller) -> None:
    made = house.data(admin, "POST", "/api/banks", blank())
    path = f"/api/banks/{made['id']}/branches"
    branch = {
        "name": "Main Branch",
        "country": "GB",
        "iban": "GB29NWBK60161331926819",
        "swift_code": "NWBKGB2LXXX",
        "routing_number": "111000025",
    }
    answer = house.ask(admin, "POST", path, branch)
    assert answer.status_code == 201, answer.text
    added = answer.json()["data"]
    assert added.items() >= {**branch, "bank_id": made["id"]}.items()
    assert house.data(admin, "GET", path, server=1) == [added]
    for field in ("iban", "swift_code"):
        twin = {"name": "Twin", "country": "GB", field: branch[field]}
        assert reason(house.ask(admin, "POST", path, twin)) == (409, "branch_already_exists")
    nowhere = house.ask(admin, "POST", f"/api/banks/{new_id()}/branches", branch)
    assert reason(nowhere) == (404, "bank_not_found")


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("iban", "GB29NWBK60161331926819", "GB28NWBK60161331926819"),
        ("iban", "DE89370400440532013000", "DE89370400440532013001"),
        ("routing_number", "111000025", "222000111"),
    ],
)
def test_check_digits_are_judged_when_asked_for(field: str, right: str, wrong: str) -> None:
    for check_digits, number, faulty in (
        (True, right, False), (True, wrong, True), (False, wrong, False),
    ):  # fmt: skip
        faults = Faults()
        body = {"name": "Main", "country": "GB", field: number}
        read_body(branch_fields(check_digits=check_digits), body, faults)
        assert bool(faults.errors) is faulty, (check_digits, number)
