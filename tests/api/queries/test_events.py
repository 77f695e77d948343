"""The log over HTTP: events by filters, one event, one stream, for inspectors only (AC-91)."""

from base64 import b64decode
from hashlib import sha256
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.identity import new_id
from tests.api.queries.town import Desk

FIELDS = [
    "position", "id", "stream_id", "stream_version", "type", "schema_version", "data", "actor",
    "correlation_id", "causation_id", "recorded_at", "leaf_hash",
]  # fmt: skip


def walked(desk: Desk, **asked: str) -> list[dict[str, Any]]:
    """Return every event that fits, page by page."""
    found: list[dict[str, Any]] = []
    asked = {"limit": "100", **asked}
    while True:
        answer = desk.get(desk.town.audrey, "/api/events", **asked)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = answer.json()["metadata"]["pagination"]["next_cursor"]
        if cursor is None:
            return found
        asked["cursor"] = cursor


@pytest.fixture(scope="module")
def every(desk: Desk) -> list[dict[str, Any]]:
    return walked(desk)


def test_the_whole_log_is_walked_in_order(desk: Desk, every: list[dict[str, Any]]) -> None:
    assert [each["position"] for each in every] == list(range(1, desk.town.history.position + 1))
    assert all(list(each) == FIELDS for each in every)
    first = every[0]
    assert (first["type"], first["data"]["full_name"]) == ("UserRegistered", "Anna Example")
    assert first["actor"] == {"type": "system", "id": None, "role": None}
    backwards = walked(desk, sort="position:desc", limit="17")
    assert backwards == every[::-1]


def test_numbered_pages_count_without_looking(desk: Desk, every: list[dict[str, Any]]) -> None:
    for asked, expected in (
        ({}, every),
        ({"position_from": "5", "position_to": "31"}, every[4:31]),
        ({"position_from": "5", "sort": "position:desc"}, every[4:][::-1]),
        ({"position_from": "0"}, every),
        ({"position_from": "900000"}, []),
    ):
        answer = desk.get(desk.town.ada, "/api/events", page="2", page_size="7", **asked).json()
        assert answer["data"] == expected[7:14], asked
        told = answer["metadata"]["pagination"]
        assert (told["total_count"], told["has_prev"]) == (len(expected), True)
        assert told["total_pages"] == -(-len(expected) // 7)


def test_filters_narrow_the_log(desk: Desk, every: list[dict[str, Any]]) -> None:
    stream = f"account-{desk.town.hers}"
    middle = every[len(every) // 2]["recorded_at"]
    of_type = [each for each in every if each["type"] == "PaymentCompleted"]
    of_stream = [each for each in every if each["stream_id"] == stream]
    for asked, expected in (
        ({"stream_id": stream}, of_stream),
        ({"stream_id": stream, "sort": "position:desc"}, of_stream[::-1]),
        ({"stream_id": "account-nobody"}, []),
        ({"type": "PaymentCompleted"}, of_type),
        ({"type": "PaymentCompleted", "stream_type": "account"}, []),
        ({"stream_type": "user"}, [e for e in every if e["stream_id"].startswith("user-")]),
        ({"position_from": "3", "position_to": "9"}, every[2:9]),
        ({"date_to": middle}, [each for each in every if each["recorded_at"] <= middle]),
        ({"date_from": middle}, [each for each in every if each["recorded_at"] >= middle]),
        ({"correlation_id": "req_test"}, every),
        ({"correlation_id": "req_tes"}, []),
        ({"actor_id": new_id()}, []),
    ):
        assert walked(desk, **asked, limit="100") == expected, asked
        page = desk.get(desk.town.ada, "/api/events", **asked, page_size="100").json()
        assert page["data"] == expected[:100], asked
        assert page["metadata"]["pagination"]["total_count"] == len(expected), asked


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"type": "Nothing"}, "invalid_field_value"),
        ({"stream_type": "Account-1"}, "invalid_field_value"),
        ({"actor_id": "me"}, "invalid_uuid_format"),
        ({"correlation_id": "a b"}, "invalid_field_value"),
        ({"position_from": "-1"}, "invalid_position"),
        ({"position_to": "last"}, "invalid_position"),
        ({"date_from": "yesterday"}, "invalid_datetime_format"),
        ({"date_from": "2026-01-01T00:00:00Z", "date_to": "2025-01-01T00:00:00Z"},
         "invalid_date_range"),
        ({"sort": "recorded_at"}, "invalid_sort_field"),
        ({"nonsense": "1"}, "unknown_parameter"),
    ],
)  # fmt: skip
def test_filters_that_make_no_sense_are_refused(
    desk: Desk, asked: dict[str, str], reason: str
) -> None:
    assert desk.reason(desk.town.ada, "/api/events", **asked) == (400, reason)


def test_one_event_is_shown(desk: Desk, every: list[dict[str, Any]]) -> None:
    assert desk.data(desk.town.ada, "/api/events/1") == every[0]
    assert desk.reason(desk.town.ada, "/api/events/999999") == (404, "event_not_found")
    assert desk.reason(desk.town.ada, "/api/events/0") == (404, "event_not_found")
    assert desk.reason(desk.town.ada, "/api/events/first") == (400, "invalid_position")


def test_a_raw_event_is_what_its_leaf_hash_covers(desk: Desk) -> None:
    shown = desk.data(desk.town.ada, "/api/events/1", raw="true")
    stored = b64decode(shown["stored"])
    envelope = msgspec.json.decode(stored)
    assert shown["data"] == envelope["data"]
    assert shown["data"]["full_name"].keys() == {"enc", "kid"}
    with psycopg.connect(desk.town.dsn) as connection:
        row = connection.execute("SELECT data FROM log.events WHERE position = 1").fetchone()
    assert row is not None
    assert stored == bytes(row[0])
    assert "stored" not in desk.data(desk.town.ada, "/api/events/1", raw="false")
    assert sha256(stored).digest()


def test_a_stream_is_listed_by_version(desk: Desk, every: list[dict[str, Any]]) -> None:
    stream = f"account-{desk.town.hers}"
    expected = [each for each in every if each["stream_id"] == stream]
    assert len(expected) > 5
    path = f"/api/streams/{stream}"
    assert desk.data(desk.town.audrey, path, limit="100") == expected
    assert desk.data(desk.town.audrey, path, from_version="4", page_size="100") == expected[3:]
    first = desk.get(desk.town.audrey, path, limit="4").json()
    cursor = first["metadata"]["pagination"]["next_cursor"]
    assert desk.data(desk.town.audrey, path, limit="4", cursor=cursor) == expected[4:8]
    assert desk.reason(desk.town.ada, "/api/streams/account-nobody") == (404, "stream_not_found")
    assert desk.reason(desk.town.ada, path, from_version="one") == (400, "invalid_position")


@pytest.mark.parametrize("path", ["/api/events", "/api/events/1", "/api/streams/x"])
def test_only_inspectors_look(desk: Desk, path: str) -> None:
    for caller in (desk.town.anna, desk.town.sue, "service:ledger:read"):
        assert desk.reason(caller, path) == (403, "insufficient_permissions")


def test_an_erased_person_is_erased_in_events(own_desk: Desk) -> None:
    town = own_desk.town
    town.execute("DELETE FROM log.data_keys WHERE subject = %s", town.anna)
    shown = own_desk.data(town.ada, "/api/events/1")
    assert shown["data"]["full_name"] == shown["data"]["email"] == "[erased]"
    assert own_desk.data(town.ada, f"/api/streams/user-{town.anna}")[0]["data"] == shown["data"]
