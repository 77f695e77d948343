"""People as they were: for readers alone, and never more than anybody may still know (§1.11)."""

from typing import Any

from tests.access.house import Caller, House


def told(house: House, caller: Caller, user_id: str, query: str = "") -> Any:
    return house.ask(caller, "GET", f"/api/users/{user_id}{query}", server=1)


def reason(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


def test_a_reader_sees_somebody_as_they_were(house: House, admin: Caller, auditor: Caller) -> None:
    anna = house.customer()
    early = told(house, auditor, anna.id)
    place = early.headers["ledger-position"]
    house.data(admin, "PUT", f"/api/users/{anna.id}", {"full_name": "Later", "role": "support"})
    then = told(house, auditor, anna.id, f"?at_position={place}")
    assert then.json()["data"] == early.json()["data"]
    assert then.json()["metadata"]["as_of"]["position"] == int(place)
    assert "etag" not in then.headers
    assert told(house, auditor, anna.id).json()["data"]["full_name"] == "Later"
    assert reason(told(house, auditor, anna.id, "?at_position=1")) == (404, "user_not_found")


def test_the_past_of_people_is_not_their_own_to_see(house: House) -> None:
    anna = house.customer()
    assert told(house, anna, anna.id).status_code == 200
    assert reason(told(house, anna, anna.id, "?at_position=1")) == (403, "insufficient_permissions")


def test_a_moment_that_cannot_be_is_refused(house: House, auditor: Caller) -> None:
    for query, why in (
        ("?at=2025-03-01T00:00:00Z&at_position=1", "unknown_parameter"),
        ("?at=2999-01-01T00:00:00Z", "invalid_datetime_format"),
        ("?at=yesterday", "invalid_datetime_format"),
        ("?at_position=999999999", "invalid_position"),
    ):
        assert reason(told(house, auditor, auditor.id, query)) == (400, why)


def test_what_is_erased_stays_erased_in_the_past(
    house: House, admin: Caller, auditor: Caller
) -> None:
    anna = house.customer()
    place = told(house, auditor, anna.id).headers["ledger-position"]
    assert house.ask(admin, "DELETE", f"/api/users/{anna.id}").status_code == 200
    now = told(house, auditor, anna.id)
    then = told(house, auditor, anna.id, f"?at_position={place}").json()["data"]
    assert (then["status"], then["email"], then["full_name"]) == ("ACTIVE", None, None)
    after = told(house, auditor, anna.id, f"?at_position={now.headers['ledger-position']}")
    assert after.json()["data"] == now.json()["data"]
