"""The past over HTTP: which moment is meant, what is told of it, and what is refused (AC-27)."""

from typing import Any

import pytest

from tests.api.queries.town import Desk, Town

PAST = "2025-03-01T09:00:00.020000Z"
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def paths(town: Town) -> dict[str, str]:
    return {
        "accounts": "/api/accounts",
        "account": f"/api/accounts/{town.hers}",
        "balance": f"/api/accounts/{town.hers}/balance",
        "explain": f"/api/accounts/{town.hers}/balance/explain",
        "payment": f"/api/payments/{town.pending}",
    }


EVERYWHERE = pytest.mark.parametrize(
    "name", ["accounts", "account", "balance", "explain", "payment"]
)


@EVERYWHERE
def test_the_newest_position_is_the_present(desk: Desk, name: str) -> None:
    path, head = paths(desk.town)[name], desk.town.history.position
    now = desk.get(desk.town.anna, path)
    then = desk.get(desk.town.anna, path, at_position=str(head))
    assert then.status_code == 200, then.text
    told = now.json()["data"], then.json()["data"]
    for each in told:
        if name == "balance":
            assert each.pop("as_of")
    assert told[0] == told[1]
    as_of = then.json()["metadata"]["as_of"]
    assert as_of["position"] == head
    assert "etag" not in then.headers
    by_time = desk.get(desk.town.anna, path, at=as_of["at"])
    assert by_time.json()["metadata"]["as_of"] == as_of
    assert by_time.json()["data"] == then.json()["data"]


@EVERYWHERE
@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"at": PAST, "at_position": "3"}, "unknown_parameter"),
        ({"at": "2999-01-01T00:00:00Z"}, "invalid_datetime_format"),
        ({"at": "yesterday"}, "invalid_datetime_format"),
        ({"at_position": "999999"}, "invalid_position"),
        ({"at_position": "999999999999999999"}, "invalid_position"),
        ({"at_position": "-1"}, "invalid_position"),
        ({"at": ""}, "missing_fields"),
    ],
)
def test_a_moment_that_makes_no_sense_is_refused(
    desk: Desk, name: str, asked: dict[str, str], reason: str
) -> None:
    assert desk.reason(desk.town.anna, paths(desk.town)[name], **asked) == (400, reason)


def test_two_clocks_are_asked_of_a_balance_alone(desk: Desk) -> None:
    town = desk.town
    path = f"/api/accounts/{town.hers}/balance"
    told = desk.get(town.anna, path, at=PAST, known_at="2025-03-02T00:00:00Z").json()
    assert told["metadata"]["as_of"] == {
        "at": PAST,
        "known_at": "2025-03-02T00:00:00.000000Z",
        "position": town.history.position,
    }
    assert told["data"]["as_of"] == PAST
    only_known = desk.get(town.anna, path, known_at=PAST).json()
    assert only_known["data"]["balance"] == told["data"]["balance"]
    assert desk.reason(town.anna, path, known_at="2999-01-01T00:00:00Z") == (
        400, "invalid_datetime_format",
    )  # fmt: skip
    assert desk.reason(town.anna, path, known_at=PAST, at_position="1") == (
        400, "unknown_parameter",
    )  # fmt: skip
    account = f"/api/accounts/{town.hers}"
    assert desk.reason(town.anna, account, known_at=PAST) == (400, "unknown_parameter")


def test_what_was_not_there_then_is_not_found(desk: Desk) -> None:
    town, early = desk.town, {"at_position": "1"}
    for name, path in paths(town).items():
        if name != "accounts":
            missing = "payment_not_found" if name == "payment" else "account_not_found"
            assert desk.reason(town.anna, path, **early) == (404, missing)
    for nothing, at in (
        ({"at_position": "0"}, None),
        ({"at": "1999-01-01T00:00:00Z"}, "1999-01-01T00:00:00.000000Z"),
    ):
        answer = desk.get(town.anna, "/api/accounts", **nothing).json()
        assert (answer["data"], answer["metadata"]["pagination"]["total_count"]) == ([], 0)
        assert answer["metadata"]["as_of"] == {"at": at, "position": 0}


def test_rights_are_those_of_today(desk: Desk) -> None:
    town, then = desk.town, {"at_position": str(desk.town.history.position)}
    path = f"/api/accounts/{town.hers}"
    for caller in (town.anna, town.sue, town.ada, town.audrey, "service:accounts:read"):
        for part in ("", "/balance"):
            assert desk.get(caller, path + part, **then).status_code == 200
    for part in ("", "/balance", "/balance/explain"):
        assert desk.reason(town.boris, path + part, **then) == (403, "unauthorized_access")
    payment = f"/api/payments/{town.pending}"
    assert desk.reason(town.boris, payment, **then) == (403, "insufficient_permissions")
    assert desk.reason(town.boris, "/api/accounts", scope="all", **then)[0] == 403
    everybody = desk.data(town.sue, "/api/accounts", scope="all", **then)
    assert {each["id"] for each in everybody} >= {town.hers, town.his}
    mine = desk.data(town.boris, "/api/accounts", **then)
    assert [each["id"] for each in mine] == [town.his]


def test_a_walk_through_the_past_stays_there(desk: Desk) -> None:
    town, seen = desk.town, []
    cursor: dict[str, str] = {}
    then = {"at_position": str(town.history.position), "limit": "2", "scope": "all"}
    while True:
        answer = desk.get(town.ada, "/api/accounts", **then, **cursor).json()
        seen += [each["id"] for each in answer["data"]]
        pagination = answer["metadata"]["pagination"]
        if not pagination["has_more"]:
            break
        cursor = {"cursor": pagination["next_cursor"]}
    assert sorted(seen) == sorted([town.hers, town.savings, town.credit, town.his])
    later: dict[str, Any] = {**then, "at_position": str(town.history.position - 1), **cursor}
    assert desk.reason(town.ada, "/api/accounts", **later) == (400, "invalid_cursor")
    now = {"limit": "2", "scope": "all", **cursor}
    assert desk.reason(town.ada, "/api/accounts", **now) == (400, "invalid_cursor")
