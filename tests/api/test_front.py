"""The access log, secrets in queries, and requests nobody would write (AC-9, AC-12)."""

import re
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import CATALOGUE
from tests.api.desk import THINGS
from tests.api.serving import Served
from tests.api.test_problems import check_headers, check_problem


def test_one_line_tells_of_every_request(served: Served) -> None:
    secret = "hunter2"
    with structlog.testing.capture_logs() as lines:
        path = "/api/things/01956c1e-7a10-7cc3-9b1e-3f6a4f2b9c11"
        answer = served.get(f"{path}?q={secret}", authorization="Bearer alice")
        served.request("POST", f"/api/auth/login?email=eve@x.y&password={secret}")
        served.get(f"/api/{secret}")
        served.get("/api/fail/boom")
        until(lambda: len(lines) == 5)
    first, login, unknown, failed, boom = lines
    assert first.pop("duration_ms") > 0
    trace, span = answer.headers["traceparent"].split("-")[1:3]
    assert first == {
        "event": "http.answered",
        "log_level": "info",
        "method": "GET",
        "route": "/api/things/{id}",
        "status": 200,
        "reason": None,
        "correlation_id": answer.headers["x-correlation-id"],
        "trace_id": trace,
        "span_id": span,
        "user_id": "a",
    }
    assert (login["route"], login["status"]) == ("/api/auth/login", 400)
    assert (unknown["route"], unknown["status"]) == ("unmatched", 404)
    assert failed["event"] == "http.failed"
    assert isinstance(failed["exc_info"], ZeroDivisionError)
    assert failed["correlation_id"] == boom["correlation_id"]
    assert secret not in str(lines)
    assert "eve@x" not in str(lines)


def until(true: Callable[[], bool]) -> None:
    """Wait for what the server does after it has answered."""
    deadline = monotonic() + 5
    while not true() and monotonic() < deadline:
        sleep(0.005)


def test_head_is_get_without_a_body(served: Served) -> None:
    answer = served.request("HEAD", "/api/things")
    assert (answer.status_code, answer.content) == (200, b"")
    check_headers(answer)


def test_the_answer_to_a_secret_is_not_stored(served: Served) -> None:
    assert served.get("/api/auth/nothing").headers["cache-control"] == "no-store"


TEXT = st.text(max_size=20) | st.sampled_from(
    ["\0", "../..", "%", "%00", "\ud800".encode("utf-16", "surrogatepass").decode("latin-1")]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(
            [
                "amount",
                "direction",
                "description",
                "account_id",
                "currency",
                "priority",
                "limit",
                "password",
                "items",
                "email",
            ]
        )
        | TEXT,
        VALUES,
        max_size=6,
    ).map(msgspec.json.encode),
    st.integers(1, 5_000).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "accept",
            "authorization",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "ledger-position",
            "ledger-epoch",
            "ledger-consistency",
            "prefer",
            "x-api-version",
            "x-correlation-id",
            "x-request-id",
            "traceparent",
            "origin",
            "x-forwarded-for",
        ]
    ),
    st.sampled_from(
        [
            "application/json",
            "*/*",
            "Bearer alice",
            "Bearer admin",
            "7",
            '"4"',
            "wait=1",
            "text/plain;version=;q",
            "\xff\xfe",
            ";;;,,,",
            '"',
        ]
    )
    | st.text(
        st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=30
    ),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(THINGS), TEXT, TEXT, BODIES, HEADERS)
def test_no_request_however_odd_breaks_the_machine(
    served: Served, endpoint: Any, place: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    if "fail" in endpoint.path:
        return
    segment = quote(place.encode("utf-8", "surrogatepass"), safe="")
    path = re.sub(r"\{\w+\}", lambda _: segment, endpoint.path)
    asked = quote(query.encode("utf-8", "surrogatepass"), safe="=&")
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = served.client.request(
        endpoint.method, f"{path}?{asked}" if asked else path, content=body, headers=encoded
    )
    assert answer.status_code < 500
    if answer.status_code >= 400:
        check_problem(answer)
        assert CATALOGUE[answer.json()["reason"]].status == answer.status_code


@pytest.mark.parametrize("sent", [b"%ff", b"%00", b"%ED%A0%80", b"a%2Fb", b"%2e%2e", b"\xff"])
def test_odd_bytes_in_a_path_are_a_client_error(served: Served, sent: bytes) -> None:
    (answer,) = served.raw(
        b"GET /api/things/" + sent + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n\r\n"
    )
    assert answer.json()["reason"] in {
        "invalid_uuid_format",
        "resource_not_found",
        "invalid_request",
    }
