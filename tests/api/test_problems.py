"""Every no of every stage is one flat problem document with every header (AC-7)."""

import re
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest

from api.cors import EXPOSED_HEADERS
from api.problems import as_refused, problem
from ledger.errors import CATALOGUE, Reason, Refused
from tests.api.serving import Served

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=()",
    "content-security-policy": "default-src 'none'; script-src 'none'; style-src 'none'; "
    "img-src 'none'; font-src 'none'; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "x-api-version": "1",
}
JSON = {"content-type": "application/json"}
ALICE = {"authorization": "Bearer alice"}
REFUSED: list[tuple[str, str, dict[str, Any], Reason]] = [
    ("GET", "/api/nothing", {}, Reason.RESOURCE_NOT_FOUND),
    ("GET", "/api/things/", {}, Reason.RESOURCE_NOT_FOUND),
    ("GET", "//api/things", {}, Reason.RESOURCE_NOT_FOUND),
    ("GET", "/api/things/1/2/3", {}, Reason.RESOURCE_NOT_FOUND),
    ("DELETE", "/api/things", {}, Reason.METHOD_NOT_ALLOWED),
    ("PATCH", "/api/things", {}, Reason.METHOD_NOT_ALLOWED),
    ("GET", "/api/things", {"headers": {"accept": "text/html"}}, Reason.NOT_ACCEPTABLE),
    ("GET", "/api/things?version=2", {}, Reason.UNSUPPORTED_API_VERSION),
    ("GET", "/api/things?x=" + "a" * 2048, {}, Reason.REQUEST_URI_TOO_LONG),
    ("GET", "/api/things", {"headers": {"x": "a" * 8192}}, Reason.REQUEST_HEADERS_TOO_LARGE),
    ("POST", "/api/things", {"content": b"a=1"}, Reason.UNSUPPORTED_MEDIA_TYPE),
    ("POST", "/api/things", {"content": b"{", "headers": JSON}, Reason.INVALID_JSON),
    ("POST", "/api/things", {"content": b"{}", "headers": JSON}, Reason.MISSING_FIELDS),
    ("GET", "/api/things/1", {}, Reason.INVALID_TOKEN),
    ("GET", "/api/things/1", {"headers": {"authorization": "Basic x"}}, Reason.INVALID_TOKEN),
    ("GET", "/api/things/1", {"headers": {"authorization": "Bearer old"}}, Reason.TOKEN_EXPIRED),
    ("PUT", "/api/things/1", {"headers": ALICE}, Reason.INSUFFICIENT_PERMISSIONS),
    ("GET", "/api/things/1", {"headers": ALICE}, Reason.INVALID_UUID_FORMAT),
    ("GET", "/api/fail/refused", {}, Reason.INSUFFICIENT_FUNDS),
    ("GET", "/api/fail/busy", {}, Reason.RATE_LIMIT_EXCEEDED),
    ("GET", "/api/fail/database", {}, Reason.DATABASE_ERROR),
    ("GET", "/api/fail/gone", {}, Reason.SERVICE_UNAVAILABLE),
    ("GET", "/api/fail/wrapped", {}, Reason.SERVICE_UNAVAILABLE),
    ("GET", "/api/fail/boom", {}, Reason.INTERNAL_SERVER_ERROR),
]


@pytest.mark.parametrize(("method", "path", "asked", "reason"), REFUSED)
def test_every_refusal_is_one_flat_document(
    served: Served, method: str, path: str, asked: dict[str, Any], reason: Reason
) -> None:
    answer = served.request(method, path, **asked)
    assert answer.json()["reason"] == reason
    check_problem(answer)


def check_problem(answer: httpx2.Response) -> None:
    """Assert what §1.3 and §1.15 ask of every problem."""
    document = answer.json()
    fact = CATALOGUE[document["reason"]]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == document["status"] == fact.status
    assert document["type"] == f"https://api.ledgerbank.com/problems/{fact.reason}"
    assert document["title"] == fact.title
    assert document["code"] == document["reason"]
    assert document["category"] == fact.category
    assert document["retryable"] is fact.retryable
    assert document["instance"] == answer.headers["x-correlation-id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document["timestamp"])
    assert isinstance(document["details"], dict)
    assert document["detail"].endswith(".")
    assert ("retry_after_ms" in document) is fact.retryable
    assert ("max_retry_attempts" in document) is fact.retryable
    assert ("retry-after" in answer.headers) is fact.retryable
    assert ("www-authenticate" in answer.headers) is (fact.status == 401)
    check_headers(answer)


def check_headers(answer: httpx2.Response) -> None:
    """Assert the headers every answer has, once each."""
    assert SECURITY.items() <= dict(answer.headers).items()
    assert "server" not in answer.headers
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", answer.headers["traceparent"])
    assert answer.headers["x-request-id"].startswith("req_")
    names = [name for name, _ in answer.headers.multi_items()]
    assert sorted(set(names)) == sorted(names)


def test_a_success_has_the_same_headers(served: Served) -> None:
    check_headers(served.get("/api/things"))
    assert served.get("/api/things").headers["cache-control"] == (
        "max-age=0, private, must-revalidate"
    )


def test_nothing_of_an_exception_is_told(served: Served) -> None:
    for how in ("boom", "database", "gone"):
        text = served.get(f"/api/fail/{how}").text
        for secret in ("secret", "does not exist", "db.internal", "Traceback"):
            assert secret not in text


def test_secrets_are_removed_at_any_depth(served: Served) -> None:
    details = served.get("/api/fail/refused").json()["details"]
    assert details == {"available": "1.00", "deep": [{"ok": {"n": 1}}]}


@pytest.mark.parametrize(
    "name",
    ["password", "password_hash", "Access_Token", "token", "secret", "private_key", "api_key",
     "AUTHORIZATION", "cookie", "jwt_token_id"],
)  # fmt: skip
def test_a_secret_by_any_documented_name_is_removed(name: str) -> None:
    refused = Refused(Reason.INVALID_REQUEST, deep={name: "x"}, rows=({name: 1, "kept": 2},))
    document = msgspec.json.decode(problem(refused, "req_1").body)
    assert document["details"] == {"deep": {}, "rows": [{"kept": 2}]}


def test_the_answers_own_delay_wins_and_is_rounded_up(served: Served) -> None:
    answer = served.get("/api/fail/busy")
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["retry_after_ms"] == 2_001
    assert answer.json()["details"] == {}
    assert served.get("/api/fail/boom").headers["retry-after"] == "1"


def test_a_401_says_how_to_sign_in(served: Served) -> None:
    without = served.get("/api/things/1")
    assert without.headers["www-authenticate"] == 'Bearer realm="ledgerbank"'
    sent = served.get("/api/things/1", authorization="Bearer old")
    assert sent.headers["www-authenticate"] == 'Bearer realm="ledgerbank", error="invalid_token"'


def test_a_405_says_what_is_allowed(served: Served) -> None:
    answer = served.request("DELETE", "/api/things")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert answer.json()["details"] == {"allowed": ["GET", "HEAD", "OPTIONS", "POST"]}


def test_a_rule_about_a_field_names_it(served: Served) -> None:
    document = served.get("/api/fail/field").json()
    assert [error["field"] for error in document["errors"]] == ["currency"]
    assert document["errors"][0]["reason"] == "currency_mismatch"


def test_a_role_refusal_tells_role_and_required_roles(served: Served) -> None:
    document = served.request("PUT", "/api/things/1", headers=ALICE).json()
    assert document["details"] == {"role": "user", "required_roles": ["admin"]}


def test_errors_to_allowed_origins_carry_cors_headers(served: Served) -> None:
    answer = served.get("/api/nothing", origin="https://ledgerbank.com")
    assert answer.headers["access-control-allow-origin"] == "https://ledgerbank.com"
    assert answer.headers["access-control-expose-headers"] == EXPOSED_HEADERS.decode()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (psycopg.errors.AdminShutdown(), Reason.SERVICE_UNAVAILABLE),
        (psycopg.errors.TooManyConnections(), Reason.SERVICE_UNAVAILABLE),
        (psycopg.errors.SerializationFailure(), Reason.SERVICE_UNAVAILABLE),
        (psycopg.InterfaceError("the connection is closed"), Reason.SERVICE_UNAVAILABLE),
        (psycopg.errors.UniqueViolation(), Reason.DATABASE_ERROR),
        (psycopg.errors.DiskFull(), Reason.SERVICE_UNAVAILABLE),
        (KeyError("x"), Reason.INTERNAL_SERVER_ERROR),
    ],
)
def test_a_failed_database_is_told_apart(failure: Exception, reason: Reason) -> None:
    assert as_refused(failure).reason is reason
