"""Holds over HTTP: who looks at them, which are listed, when one has changed."""

import pytest

from tests.api.queries.town import Desk

UNKNOWN = "00000000-0000-7000-8000-000000000000"
SERVICE = "service:accounts:read"


def test_who_may_look_at_a_hold(desk: Desk) -> None:
    town = desk.town
    for path in (f"/api/holds/{town.lasting}", f"/api/accounts/{town.his}/holds"):
        for caller in (town.boris, town.ada, town.sue, town.audrey, SERVICE):
            assert desk.get(caller, path).status_code == 200, caller
        assert desk.reason(town.anna, path) == (403, "unauthorized_access")
        assert desk.reason("service:ledger:read", path) == (403, "insufficient_permissions")
    assert desk.reason(town.ada, f"/api/holds/{UNKNOWN}") == (404, "hold_not_found")
    assert desk.reason(town.ada, f"/api/accounts/{UNKNOWN}/holds") == (404, "account_not_found")
    assert desk.reason(town.ada, "/api/holds/x") == (400, "invalid_uuid_format")


def test_a_hold_that_is_over_is_another_version(desk: Desk) -> None:
    town = desk.town
    for hold, status, version in ((town.lasting, "ACTIVE", 1), (town.lapsed, "EXPIRED", 2)):
        answer = desk.get(town.boris, f"/api/holds/{hold}")
        assert answer.headers["etag"] == f'"{version}"'
        found = answer.json()["data"]
        assert (found["status"], found["version"]) == (status, version)
        known = {"if-none-match": f'"{version}"'}
        assert desk.get(town.boris, f"/api/holds/{hold}", known).status_code == 304
    known = {"if-none-match": '"1"'}
    assert desk.get(town.boris, f"/api/holds/{town.lapsed}", known).status_code == 200


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["lasting", "lapsed"]),
        ({"status": "expired"}, ["lapsed"]),
        ({"status": "ACTIVE"}, ["lasting"]),
        ({"status": "CAPTURED"}, []),
        ({"sort": "created_at", "limit": "1"}, ["lapsed"]),
    ],
)
def test_the_holds_of_an_account(desk: Desk, asked: dict[str, str], expected: list[str]) -> None:
    town = desk.town
    found = desk.data(town.boris, f"/api/accounts/{town.his}/holds", **asked)
    assert [each["id"] for each in found] == [getattr(town, name) for name in expected]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"status": "LOST"}, "invalid_status"),
        ({"status": ""}, "missing_fields"),
        ({"account_id": UNKNOWN}, "unknown_parameter"),
        ({"sort": "amount"}, "invalid_sort_field"),
        ({"cursor": "x"}, "invalid_cursor"),
    ],
)
def test_a_bad_parameter_is_refused(desk: Desk, asked: dict[str, str], reason: str) -> None:
    path = f"/api/accounts/{desk.town.his}/holds"
    assert desk.reason(desk.town.boris, path, **asked) == (400, reason)
