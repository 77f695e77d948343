"""Every stage refuses in one shape, with a reason of the catalogue (AC-7, 8, 10)."""

import csv
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from urllib.parse import urlsplit

import psycopg
import pytest

from ledger.identity import new_id
from tests.api.serving import Answer, read_answers
from tests.journeys.people import Ask, Door, Person, Town, payment_body
from tests.journeys.system import System
from tests.journeys.wire import SECURITY, problem_of, reason_of

MEBIBYTE = 1_048_576


def test_every_stage_refuses_in_the_same_shape(door: Door, town: Town, customer: Person) -> None:
    long = "x" * 2_049
    account = town.account(customer)
    asks = {
        "resource_not_found": Ask(method="GET", path="/api/nothing"),
        "method_not_allowed": Ask(method="DELETE", path="/api/auth/login"),
        "unsupported_api_version": Ask(method="GET", path="/api/problems?version=2"),
        "not_acceptable": customer.asks("GET", "/api/profile", accept="text/html"),
        "request_uri_too_long": Ask(method="GET", path=f"/api/problems?q={long}"),
        "request_headers_too_large": Ask(
            method="GET", path="/api/problems", headers={"x-much": "x" * 8_193}
        ),
        "request_body_too_large": customer.asks("POST", "/api/transfers", b" " * (MEBIBYTE + 1)),
        "unsupported_media_type": customer.asks(
            "POST", "/api/transfers", b"amount=1", content_type="text/plain"
        ),
        "invalid_json": customer.asks("POST", "/api/transfers", b'{"amount":'),
        "negative_amount": customer.asks("POST", "/api/payments", payment_body(account, "-1")),
        "invalid_token": Ask(
            method="GET", path="/api/profile", headers={"authorization": "Bearer none"}
        ),
        "insufficient_permissions": customer.asks("GET", "/api/ledger/trial-balance"),
        "account_not_found": customer.asks("GET", f"/api/accounts/{new_id()}"),
    }
    for reason, ask in asks.items():
        for server in (0, 1):
            assert reason_of(door.send(ask, server)) == reason


def test_an_address_that_guesses_has_to_wait(door: Door) -> None:
    guess = {"email": f"{new_id()}@example.com", "password": "wrong"}
    for server in (0, 1, 0, 1, 0):
        answer = door.ask("POST", "/api/auth/login", guess, server=server)
        assert reason_of(answer) == "invalid_credentials"
    answer = door.ask("POST", "/api/auth/login", guess, server=1)
    assert reason_of(answer) == "login_throttled"
    assert int(answer.headers["retry-after"]) >= 1


@contextmanager
def broken(system: System) -> Iterator[None]:
    """Take a right away from the servers, so that a route of theirs fails."""
    with psycopg.connect(system.environment["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON read.trial_balance FROM ledgerbank_app")
        try:
            yield
        finally:
            owner.execute("GRANT SELECT ON read.trial_balance TO ledgerbank_app")


def test_a_fault_inside_tells_nothing_of_the_inside(system: System, town: Town) -> None:
    with broken(system):
        answer = town.auditor.ask("GET", "/api/ledger/trial-balance")
        assert answer.status_code == 500
        assert reason_of(answer) == "database_error"
        assert "trial_balance" not in answer.text
    town.books_balance()


def raw(door: Door, *parts: bytes) -> Answer:
    """Send bytes as they are; return the one answer."""
    address = urlsplit(door.urls[0])
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as connection:
        for part in parts:
            connection.sendall(part)
        answer, *more = read_answers(connection, seconds=2)
        assert not more
        return answer


def test_what_is_no_http_and_what_is_too_much_is_refused(door: Door, customer: Person) -> None:
    post = (
        b"POST /api/transfers HTTP/1.1\r\nHost: bank\r\nContent-Type: application/json\r\n"
        b"Authorization: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % customer.bearer.encode()
    )
    chunk = b"10000\r\n%b\r\n" % (b" " * 65_536)
    cases = {
        (post, chunk * 16, b"1\r\n \r\n0\r\n\r\n"): "request_body_too_large",
        (b"this is no HTTP\r\n\r\n",): "invalid_request",
        (b"GET /%b HTTP/1.1\r\n" % (b"x" * 30_000),): "request_uri_too_long",
        (b"GET / HTTP/1.1\r\nX: %b\r\n" % (b"x" * 30_000),): "request_headers_too_large",
    }
    for parts, reason in cases.items():
        answer = raw(door, *parts)
        assert answer.header("content-type") == "application/problem+json"
        found = answer.json()
        assert (found["reason"], found["status"]) == (reason, answer.status)
        assert found["instance"] == answer.header("x-correlation-id")
        for name, value in SECURITY.items():
            assert answer.header(name) == value


def test_the_registry_is_the_catalogue(door: Door) -> None:
    with files("ledger").joinpath("reasons.tsv").open(encoding="utf-8") as table:
        rows = {row["reason"]: row for row in csv.DictReader(table, delimiter="\t")}
    listed = door.ask("GET", "/api/problems").json()
    assert [each["code"] for each in listed["data"]] == sorted(rows)
    assert listed["metadata"]["total_errors"] == len(rows)
    for each in listed["data"]:
        row = rows[each["code"]]
        assert each == {
            "code": row["reason"],
            "type": f"https://api.ledgerbank.com/problems/{row['reason']}",
            "status": int(row["status"]),
            "title": row["title"],
            "category": row["category"],
            "retryable": row["retryable"] == "true",
            "retry_delay_ms": int(row["delay_ms"]),
            "max_retry_attempts": int(row["max_retries"]),
        }
        one = door.ask("GET", f"/api/problems/{each['code']}", server=1).json()["data"]
        assert one["description"] == row["description"]
        assert one["examples"]
        assert one | each == one


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":"1.00","amount":"2.00"}',
        b'{"details":{"a":1,"a":2}}',
        b'{"amount":NaN}',
        b'{"amount":-Infinity}',
        nested(33),
        b'[{"amount":"1.00"}]',
        b'"amount"',
        b'{"amount":"1.0',
        b'{"amount":"1.00"} {}',
        b'{"description":"a\\u0000b"}',
        b'{"description":"\\ud800"}',
        b'{"description":"\xff"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_body_is_one_proper_object(customer: Person, body: bytes) -> None:
    answer = customer.ask("POST", "/api/transfers", body)
    assert reason_of(answer) == "invalid_json"


def test_the_deepest_body_is_judged_by_its_fields(customer: Person) -> None:
    found = problem_of(customer.ask("POST", "/api/transfers", nested(32)))
    assert ("a", "unknown_field") in [(each["field"], each["reason"]) for each in found["errors"]]


def test_all_bad_fields_are_told_in_the_order_of_the_table(customer: Person) -> None:
    body = {"description": 5, "amount": "1e2", "direction": "UP", "payment_type": "GIFT"}
    body |= {"user_bank_account_id": new_id()}
    found = problem_of(customer.ask("POST", "/api/payments", body))
    assert [(each["field"], each["reason"]) for each in found["errors"]] == [
        ("amount", "invalid_amount_format"),
        ("direction", "invalid_direction"),
        ("payment_type", "invalid_payment_type"),
        ("description", "invalid_description_format"),
    ]
    assert found["reason"] == "invalid_amount_format"


def test_unknown_fields_are_named(town: Town, customer: Person) -> None:
    body = payment_body(town.account(customer)) | {"colour": "red"}
    found = problem_of(customer.ask("POST", "/api/payments", body))
    assert found["reason"] == "unknown_field"
    assert [each["field"] for each in found["errors"]] == ["colour"]
