"""Accounts over HTTP: shape, money, effective limits, holds that lapse, and who may look."""

import pytest

from tests.api.queries.town import Desk

DENIED, NONE = (403, "unauthorized_access"), (404, "account_not_found")
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def test_an_account_has_its_whole_shape(desk: Desk) -> None:
    town = desk.town
    account = desk.data(town.anna, f"/api/accounts/{town.hers}")
    times = account.pop("inserted_at"), account.pop("updated_at")
    assert all(time.startswith("2025-03-01T09:00:00.") and len(time) == 27 for time in times)
    version = account.pop("version")
    assert version > 10
    assert account == {
        "id": town.hers,
        "user_id": town.anna,
        "currency": "USD",
        "account_type": "CHECKING",
        "account_name": "Everyday",
        "status": "ACTIVE",
        "status_reason": None,
        "balance": "993.84",
        "held": "6.00",
        "available": "987.84",
        "credit_limit": "0.00",
        "daily_limit": "1000.00",
        "single_limit": "10000.00",
        "limits_overridden": False,
        "last_four": "1234",
        "bank_connection_id": None,
        "external_account_id": None,
        "last_sync_at": None,
    }


def test_money_has_the_decimals_of_its_currency(desk: Desk) -> None:
    town = desk.town
    savings = desk.data(town.anna, f"/api/accounts/{town.savings}")
    assert [savings[field] for field in ("balance", "held", "available", "credit_limit")] == [
        "5000", "0", "5000", "0",
    ]  # fmt: skip
    assert (savings["daily_limit"], savings["single_limit"]) == ("500", "10000")
    credit = desk.data(town.anna, f"/api/accounts/{town.credit}")
    assert (credit["balance"], credit["available"]) == ("7.00", "307.00")
    assert credit["daily_limit"] == "2000.00"


def test_limits_of_an_account_replace_the_usual_ones(own_desk: Desk) -> None:
    town = own_desk.town
    town.execute(
        "UPDATE read.accounts SET daily_limit = 0, single_limit = 123 WHERE id = %s", town.hers
    )
    account = own_desk.data(town.anna, f"/api/accounts/{town.hers}")
    shown = [account[name] for name in ("daily_limit", "single_limit", "limits_overridden")]
    assert shown == ["0.00", "1.23", True]


def test_a_hold_stops_counting_when_it_lapses(desk: Desk) -> None:
    town = desk.town
    account = desk.data(town.boris, f"/api/accounts/{town.his}")
    assert (account["balance"], account["held"], account["available"]) == (
        "192.16", "15.00", "177.16",
    )  # fmt: skip
    balance = desk.data(town.boris, f"/api/accounts/{town.his}/balance")
    as_of, position = balance.pop("as_of"), balance.pop("position")
    assert as_of > "2026"
    assert position == town.history.position
    assert balance == {
        "account_id": town.his,
        "currency": "USD",
        "balance": "192.16",
        "held": "15.00",
        "available": "177.16",
        "credit_limit": "0.00",
    }


def test_a_known_version_is_not_sent_again(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}"
    first = desk.get(town.anna, path)
    tag = first.headers["etag"]
    assert tag == f'"{first.json()["data"]["version"]}"'
    again = desk.get(town.anna, path, {"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert desk.get(town.anna, path, {"if-none-match": '"1"'}).status_code == 200


def test_a_lapsed_hold_makes_a_known_version_worth_sending(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.his}"
    tag = desk.get(town.boris, path).headers["etag"]
    assert desk.get(town.boris, path, {"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize("part", ["", "/balance", "/transactions"])
def test_who_may_look_at_an_account(desk: Desk, part: str) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}{part}"
    readers = [town.anna, town.ada, town.sue, town.audrey, "service:accounts:read"]
    for caller in readers:
        assert desk.get(caller, path).status_code == 200, caller
    assert desk.reason(town.boris, path) == DENIED
    assert desk.reason("service:ledger:read", path) == (403, "insufficient_permissions")
    for caller in (town.boris, town.ada, "service:accounts:read"):
        assert desk.reason(caller, f"/api/accounts/{UNKNOWN}{part}") == NONE
    assert desk.reason(town.boris, f"/api/accounts/x{part}") == (400, "invalid_uuid_format")


@pytest.mark.parametrize(
    ("part", "allowed"),
    [("", ["at", "at_position"]), ("/balance", ["at", "at_position", "known_at"])],
)
def test_nothing_else_can_be_asked_of_one_account(
    desk: Desk, part: str, allowed: list[str]
) -> None:
    town = desk.town
    answer = desk.get(town.anna, f"/api/accounts/{town.hers}{part}", when="2025-03-01T09:00:00Z")
    assert (answer.status_code, answer.json()["reason"]) == (400, "unknown_parameter")
    assert answer.json()["details"]["allowed"] == [*allowed, "version"]
    assert desk.get(town.anna, f"/api/accounts/{town.hers}{part}", version="1").status_code == 200


def test_answers_say_up_to_where_they_are_complete(desk: Desk) -> None:
    town = desk.town
    for path in (f"/api/accounts/{town.hers}", "/api/accounts", "/api/payments"):
        answer = desk.get(town.anna, path)
        assert answer.headers["ledger-position"] == str(town.history.position)


def test_ids_in_capitals_are_the_same_ids(desk: Desk) -> None:
    town = desk.town
    assert desk.data(town.anna, f"/api/accounts/{town.hers.upper()}")["id"] == town.hers
