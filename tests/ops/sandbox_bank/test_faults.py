"""The sandbox bank misbehaves as it is told to, and only so often."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.ops.sandbox_bank.customer import Sandbox

ACCOUNT = "acc_alice_checking"


def test_an_error_is_answered_as_often_as_planned(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    told = {"match": {"method": "GET", "path": "/accounts"}, "times": 2}
    sandbox.fault("http_error", status=429, retry_after_s=7, **told)
    assert alice.ask("GET", f"/balance?account_id={ACCOUNT}").is_success
    for _ in range(2):
        refused = alice.ask("GET", "/accounts")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert alice.ask("GET", "/accounts").is_success


def test_a_fault_meets_both_dialects_and_can_be_forgotten(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    fault = sandbox.fault("http_error", match={"path": "/trans*"}, times=0)
    for path in ("/transactions", "/windows/transactions"):
        assert alice.ask("GET", f"{path}?account_id={ACCOUNT}").status_code == 503
    assert sandbox.control("GET", "/faults")["faults"][0]["met"] == 2
    sandbox.control("DELETE", f"/faults/{fault['id']}")
    assert alice.ask("GET", f"/transactions?account_id={ACCOUNT}").is_success
    assert sandbox.http.delete(f"/_sandbox/faults/{fault['id']}").status_code == 404
    sandbox.fault("malformed", times=0)
    sandbox.control("DELETE", "/faults")
    assert alice.ask("GET", "/accounts").is_success


@pytest.mark.parametrize("execute", [False, True])
@pytest.mark.parametrize("kind", ["disconnect", "timeout"])
def test_an_answer_that_never_comes_may_have_had_its_effect(
    sandbox: Sandbox, kind: str, *, execute: bool
) -> None:
    alice = sandbox.holder()
    sandbox.fault(kind, execute=execute, match={"path": "/payments"})
    sandbox.http.timeout = httpx2.Timeout(0.2)
    with pytest.raises(httpx2.TransportError):
        alice.pay("p", 100)
    sandbox.http.timeout = httpx2.Timeout(5)
    assert alice.ask("GET", "/payments/p").is_success == execute
    wanted = "silent" if kind == "timeout" else "disconnected"
    assert [each["answer"] for each in sandbox.received("/payments")] == [wanted]


@pytest.mark.parametrize("kind", ["truncate", "malformed", "schema_drift"])
def test_an_answer_can_be_spoilt(sandbox: Sandbox, kind: str) -> None:
    alice = sandbox.holder()
    sandbox.fault(kind)
    path = f"/balance?account_id={ACCOUNT}"
    match kind:
        case "truncate":
            with pytest.raises(httpx2.TransportError):
                alice.ask("GET", path)
        case "malformed":
            with pytest.raises(ValueError, match=r"."):
                alice.ask("GET", path).json()
        case _:
            assert alice.ask("GET", path).json()["balance"] == "150000"
    assert alice.booked() == 150000


def test_an_answer_can_come_late_or_in_drops(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    sandbox.fault("delay", delay_ms=150)
    begun = time.monotonic()
    assert alice.booked() == 150000
    assert time.monotonic() - begun >= 0.15
    sandbox.fault("drip")
    headers = {"Authorization": f"Bearer {alice.tokens['access_token']}"}
    with sandbox.http.stream("GET", "/accounts", headers=headers) as dripping:
        pieces = dripping.iter_raw()
        assert [len(next(pieces)) for _ in range(3)] == [1, 1, 1]


def test_pages_can_overlap_or_lose_their_place(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    first = alice.changes(ACCOUNT, limit=2)
    sandbox.fault("duplicate_page")
    told = alice.changes(ACCOUNT, first["next_cursor"])
    assert [each["id"] for each in told["transactions"]] == [
        "tx_alice_groceries", "tx_alice_restaurant", "tx_alice_refund",
    ]  # fmt: skip
    sandbox.fault("duplicate_page")
    window = f"/windows/transactions?account_id={ACCOUNT}&since=tx_alice_restaurant"
    assert len(alice.ask("GET", window).json()["transactions"]) == 3
    sandbox.fault("mutation")
    assert alice.changes(ACCOUNT)["error"] == "mutation_during_paging"


def test_some_faults_are_about_one_call_only(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    sandbox.fault("decline", reason="suspicious")
    sandbox.fault("invalid_grant")
    assert alice.ask("GET", "/accounts").is_success
    assert sandbox.refresh(alice.tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    assert sandbox.refresh(alice.tokens["refresh_token"]).is_success
    assert alice.pay("p", 5).json()["decline_reason"] == "suspicious"


def test_too_many_calls_in_a_minute_have_to_wait(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    sandbox.control("POST", "/clock", now="2030-01-01T00:00:15Z", stopped=True)
    alice = sandbox.holder()
    sandbox.control("PUT", "/settings", rate_limit_per_minute=4)
    assert [alice.ask("GET", "/accounts").status_code for _ in range(3)] == [200, 200, 429]
    assert alice.ask("GET", "/accounts").headers["retry-after"] == "45"
    sandbox.control("POST", "/clock", advance_seconds=45)
    assert alice.ask("GET", "/accounts").is_success


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/faults", {"kind": "earthquake"}),
        ("/faults", {"kind": "delay", "delay": 5}),
        ("/clock", {"now": "yesterday"}),
        ("/transactions", {"account_id": ACCOUNT, "amount": 1, "description": "", "status": "x"}),
        ("/accounts", {"name": "nobody's"}),
    ],
)
def test_what_cannot_be_understood_is_refused(
    sandbox: Sandbox, path: str, told: dict[str, Any]
) -> None:
    assert sandbox.http.post(f"/_sandbox{path}", json=told).status_code == 400


def test_settings_are_checked(sandbox: Sandbox) -> None:
    for told in ({"settlement": "never"}, {"colour": "red"}):
        assert sandbox.http.put("/_sandbox/settings", json=told).status_code == 400
    assert sandbox.control("GET", "/settings")["settlement"] == "instant"


def test_the_journal_can_be_read_from_a_place(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    last = sandbox.control("GET", "/requests")["requests"][-1]["number"]
    alice.booked()
    told = sandbox.control("GET", f"/requests?since={last}")["requests"]
    assert [(each["method"], each["path"], each["answer"]) for each in told] == [
        ("GET", "/balance", 200)
    ]
    assert sandbox.control("GET", "/requests?since=2999-01-01T00:00:00Z")["requests"] == []


def test_noise_on_the_wire_harms_nobody(sandbox: Sandbox) -> None:
    place = urlsplit(sandbox.url)
    for noise in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n", b""):
        with socket.create_connection((place.hostname, place.port or 0)) as talking:
            talking.sendall(noise)
    assert sandbox.control("GET", "/health")["status"] == "ok"
    assert sandbox.http.get("/nowhere").status_code == 404
    assert sandbox.http.get("/_sandbox/nowhere").status_code == 404
