"""Bodies over the wire: media types, sizes, JSON, field tables (AC-10, AC-11)."""

from typing import Any

import pytest

from api.wire import Wire
from tests.api.serving import Served

GOOD: dict[str, Any] = {
    "amount": "100",
    "direction": " debit ",
    "description": "  <b>Rent</b> ",
    "account_id": "01956C1E-7A10-7CC3-9B1E-3F6A4F2B9C11",
}
LIMIT = Wire().limits.body_bytes


def test_a_good_body_is_read_trimmed_and_normalised(served: Served) -> None:
    answer = served.post("/api/things", GOOD)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/things/1"
    assert answer.json()["data"]["body"] == {
        "amount": "100",
        "direction": "DEBIT",
        "description": "<b>Rent</b>",
        "account_id": "01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11",
        "priority": 0,
    }
    envelope = answer.json()
    assert envelope["success"] is True
    assert envelope["correlation_id"] == answer.headers["x-correlation-id"]
    assert list(envelope) == ["data", "success", "timestamp", "correlation_id", "metadata"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":"1","amount":"2"}',
        b'{"amount":NaN}',
        b'{"amount":' * 33 + b"1" + b"}" * 33,
        b"[]",
        b'{"amount":"1"',
        b'{"amount":"\\u0000"}',
        b'{"amount":"\\ud800"}',
        b"\xff",
    ],
)
def test_bad_json_is_refused(served: Served, body: bytes) -> None:
    answer = served.post("/api/things", body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_json")


def test_an_unknown_field_is_listed(served: Served) -> None:
    document = served.post("/api/things", {**GOOD, "ammount": "1", "x": 2}).json()
    assert document["reason"] == "unknown_field"
    assert [error["field"] for error in document["errors"]] == ["ammount", "x"]
    assert document["details"]["field"] == "ammount"
    assert "amount" in document["details"]["allowed"]


def test_three_bad_fields_are_three_items_in_table_order(served: Served) -> None:
    bad = {"account_id": "x", "description": 5, "amount": 1, "direction": "DEBIT"}
    document = served.post("/api/things", bad).json()
    assert [(error["field"], error["reason"]) for error in document["errors"]] == [
        ("amount", "invalid_amount_format"),
        ("description", "invalid_description_format"),
        ("account_id", "invalid_uuid_format"),
    ]
    assert document["reason"] == "invalid_amount_format"
    assert document["status"] == 400


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_nothing_in_a_required_field_is_missing(served: Served, nothing: Any) -> None:
    document = served.post("/api/things", {**GOOD, "description": nothing}).json()
    assert [(e["field"], e["reason"]) for e in document["errors"]] == [
        ("description", "missing_fields")
    ]
    assert document["detail"] == "description is required."


def test_an_optional_null_is_not_given_and_a_nullable_null_is(served: Served) -> None:
    body = {**GOOD, "currency": None, "limit": None}
    read = served.post("/api/things", body).json()["data"]["body"]
    assert "currency" not in read
    assert read["limit"] is None


def test_a_422_first_decides_the_status(served: Served) -> None:
    answer = served.post("/api/things", {**GOOD, "amount": "0", "direction": "UP"})
    assert answer.status_code == 422
    assert [e["reason"] for e in answer.json()["errors"]] == [
        "negative_amount",
        "invalid_direction",
    ]
    assert answer.json()["errors"][1]["detail"] == "direction must be CREDIT or DEBIT."


def test_faults_in_rows_are_addressed_by_row(served: Served) -> None:
    document = served.post("/api/bulk", {"items": [GOOD, {**GOOD, "amount": 1, "x": 1}, 7]}).json()
    assert [(e["field"], e["reason"]) for e in document["errors"]] == [
        ("items[1].x", "unknown_field"),
        ("items[1].amount", "invalid_amount_format"),
        ("items[2]", "invalid_field_value"),
    ]
    assert served.post("/api/bulk", {"items": []}).json()["reason"] == "invalid_batch_size"
    assert served.post("/api/bulk", {"items": [GOOD] * 4}).json()["reason"] == "invalid_batch_size"
    assert served.post("/api/bulk", {"items": [GOOD]}).status_code == 200


def test_a_command_without_fields_takes_no_body(served: Served) -> None:
    alice = {"authorization": "Bearer robot"}
    path = "/api/things/01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
    assert served.request("DELETE", path, headers=alice).status_code == 200
    headers = {**alice, "content-type": "application/json"}
    answer = served.request("DELETE", path, headers=headers, content=b'{"x":1}')
    assert answer.json()["reason"] == "unknown_field"
    assert served.request("DELETE", path, headers=headers, content=b"{}").status_code == 200


def test_any_of_several_fields_is_demanded(served: Served) -> None:
    path = "/api/things/01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
    headers = {"authorization": "Bearer admin", "content-type": "application/json"}
    answer = served.request("PUT", path, headers=headers, content=b"{}")
    assert answer.json()["reason"] == "missing_fields"
    nothing = served.request("PUT", path, headers=headers, content=b'{"limit":null}')
    assert nothing.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=UTF-8", 201),
        ('application/json;charset="utf-8"', 201),
        ("application/vnd.api+json", 201),
        ("Application/JSON", 201),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/merge-patch+json", 415),
        ("", 415),
    ],
)
def test_only_json_is_taken(served: Served, content_type: str, status: int) -> None:
    assert served.post("/api/things", GOOD, content_type=content_type).status_code == status


def test_a_query_is_no_body(served: Served) -> None:
    answer = served.request("POST", "/api/auth/login?email=a@b.c&password=secret")
    assert (answer.status_code, answer.json()["reason"]) == (400, "missing_fields")
    assert [error["field"] for error in answer.json()["errors"]] == ["email", "password"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not(served: Served) -> None:
    assert served.post("/api/bytes", b"a" * LIMIT).json() == {"size": LIMIT}
    answer = served.post("/api/bytes", b"a" * (LIMIT + 1))
    assert answer.json()["reason"] == "request_body_too_large"
    assert answer.json()["details"] == {"limit": LIMIT, "actual": LIMIT + 1}
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/api/things", "/api/bytes"])
def test_a_chunked_body_is_counted_while_it_is_read(served: Served, path: str) -> None:
    chunks = [b" " * 65_536] * 16
    headers = {"content-type": "application/json"}
    fits = served.request("POST", path, content=iter(chunks), headers=headers)
    assert fits.status_code != 413
    answer = served.request("POST", path, content=iter([*chunks, b" "]), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "request_body_too_large")
    assert answer.json()["details"] == {"limit": LIMIT, "actual": None}


def test_the_connection_lives_on_after_a_413(served: Served) -> None:
    request = (
        b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1)
        + b"a" * (LIMIT + 1)
        + b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert [answer.status for answer in served.raw(request)] == [413, 200]


def test_a_declared_body_too_large_is_refused_before_it_is_sent(served: Served) -> None:
    head = b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (LIMIT + 1)
    (answer,) = served.raw(head + b"Expect: 100-continue\r\n\r\n")
    assert answer.status == 413
    answers = served.raw(
        b"POST /api/bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        b"ab",
    )
    assert [answer.status for answer in answers] == [100, 200]
