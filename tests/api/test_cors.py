"""Browsers from elsewhere (AC-14), and who is believed about HTTPS and addresses (AC-15)."""

import pytest

from api.app import create_app
from api.wire import ORIGINS, Wire
from tests.api.desk import THINGS
from tests.api.serving import Served, serving

ASKING = {"access-control-request-method": "POST"}
PREFLIGHT = {
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-allow-headers": "Accept, Accept-Encoding, Authorization, Content-Type, "
    "Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Ledger-Consistency, "
    "Ledger-Position, Prefer, Traceparent, X-API-Version, X-Correlation-ID, X-Requested-With",
    "access-control-max-age": "86400",
    "vary": "Origin",
}
HSTS = "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("origin", sorted(ORIGINS))
def test_a_preflight_from_an_allowed_origin_is_granted(served: Served, origin: str) -> None:
    headers = {"origin": origin, **ASKING, "accept": "text/html", "x-api-version": "9"}
    answer = served.request("OPTIONS", "/api/things", headers=headers)
    assert answer.status_code == 204
    assert answer.content == b""
    expected = {"access-control-allow-origin": origin, **PREFLIGHT}
    told = {name: value for name, value in answer.headers.items() if name in expected}
    assert told == expected
    assert "access-control-expose-headers" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "*", "http://localhost:3000.evil", "HTTPS://LEDGERBANK.COM"],
)
def test_a_stranger_learns_nothing(served: Served, origin: str) -> None:
    for answer in (
        served.request("OPTIONS", "/api/things", headers={"origin": origin, **ASKING}),
        served.get("/api/things", origin=origin),
    ):
        assert answer.status_code in {200, 204}
        assert answer.headers["vary"] == "Origin"
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_answer_to_an_allowed_origin_says_what_may_be_read(served: Served) -> None:
    answer = served.get("/api/things", origin="http://localhost:5173")
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == (
        "ETag, Idempotent-Replayed, Ledger-Position, Location, Preference-Applied, RateLimit, "
        "RateLimit-Policy, Retry-After, X-API-Version, X-Correlation-ID, X-RateLimit-Limit, "
        "X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
    )
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-methods" not in answer.headers


def test_without_an_origin_nothing_is_said(served: Served) -> None:
    answer = served.get("/api/things")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "*" not in {value for name, value in answer.headers.items() if name != "vary"}


def test_options_without_origin_says_what_is_allowed(served: Served) -> None:
    answer = served.request("OPTIONS", "/api/things")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def test_https_is_believed_from_a_trusted_proxy_only(served: Served) -> None:
    assert "strict-transport-security" not in served.get("/api/things").headers
    forged = served.get("/api/things", x_forwarded_proto="https", x_forwarded_for="1.2.3.4")
    assert "strict-transport-security" not in forged.headers
    assert forged.json()["data"]["address"] == "127.0.0.1"


def test_a_trusted_proxy_is_believed() -> None:
    wire = Wire(trusted_proxies=("127.0.0.0/8", "10.0.0.0/8"))
    with serving(create_app(THINGS, wire=wire), wire) as served:
        answer = served.get("/api/things", x_forwarded_proto="https")
        assert answer.headers["strict-transport-security"] == HSTS
        assert "strict-transport-security" not in served.get("/api/things").headers
        for forwarded, address in (
            ("1.2.3.4", "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.1.1.1", "1.2.3.4"),
            ("::ffff:1, 10.1.1.1", "::ffff:1"),
            ("garbage", "127.0.0.1"),
            ("9.9.9.9, garbage, 10.1.1.1", "10.1.1.1"),
        ):
            answer = served.get("/api/things", x_forwarded_for=forwarded)
            assert answer.json()["data"]["address"] == address


def test_production_always_demands_https() -> None:
    wire = Wire(always_https=True)
    with serving(create_app(THINGS, wire=wire), wire) as served:
        assert served.get("/api/nothing").headers["strict-transport-security"] == HSTS
        (malformed,) = served.raw(b"GARBAGE\r\n\r\n")
        assert malformed.header("strict-transport-security") == HSTS
