"""Payments at the sandbox bank, and the webhooks that tell of them."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from tests.ops.sandbox_bank.customer import Sandbox

PAYMENT = "01956c2c-0000-7000-8000-000000000001"


class Receiver:
    """Takes webhooks; answers them with the statuses given, then with 200."""

    def __init__(self) -> None:
        receiver = self
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.taken.append((self.path, headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver(sandbox: Sandbox) -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sandbox.control("PUT", "/settings", webhook_url=receiver.url)
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


def until_taken(receiver: Receiver, count: int) -> None:
    end = time.monotonic() + 10
    while len(receiver.taken) < count and time.monotonic() < end:
        time.sleep(0.01)
    assert len(receiver.taken) == count


def genuine(taken: tuple[str, dict[str, str], bytes], secret: str) -> bool:
    stamp, _, mac = taken[1]["x-webhook-signature"].partition(",v1=")
    wanted = f"{stamp.removeprefix('t=')}.".encode() + taken[2]
    return hmac.compare_digest(mac, hmac.new(secret.encode(), wanted, hashlib.sha256).hexdigest())


def test_a_payment_is_made_once_whatever_is_repeated(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    first, again = alice.pay(PAYMENT, 1000), alice.pay(PAYMENT, 1000)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert alice.pay(PAYMENT, 1000, key="another").json() == first.json()
    assert alice.pay("other", 1000, key=PAYMENT).status_code == 422
    assert alice.booked() == 149000
    line = alice.changes("acc_alice_checking")["transactions"][-1]
    assert (line["payment_id"], line["amount"]) == (PAYMENT, -1000)
    assert first.json()["transaction_id"] == line["id"]


def test_a_credit_raises_and_too_much_is_declined(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    assert alice.pay("in", 500, direction="CREDIT").json()["status"] == "settled"
    assert alice.booked() == 150500
    declined = alice.pay("out", 150501).json()
    assert (declined["status"], declined["decline_reason"]) == ("declined", "insufficient_funds")
    assert alice.pay("all", 150500).json()["status"] == "settled"
    assert alice.booked() == 0
    assert alice.pay("odd", 1, currency="GBP").json()["decline_reason"] == "currency_mismatch"


@pytest.mark.parametrize(
    "changes",
    [{"amount": 0}, {"amount": "5"}, {"direction": "UP"}, {"headers": {"Idempotency-Key": ""}}],
)
def test_an_order_that_makes_no_sense_is_refused(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    order = {
        "payment_id": "p", "account_id": "acc_alice_checking", "amount": 5, "currency": "USD",
        "direction": "DEBIT",
    }  # fmt: skip
    headers = changes.pop("headers", {"Idempotency-Key": "p"})
    refused = sandbox.holder().ask("POST", "/payments", json={**order, **changes}, headers=headers)
    assert refused.status_code == 400


def test_a_deferred_payment_waits_for_its_settlement(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.control("PUT", "/settings", settlement="deferred")
    alice = sandbox.holder()
    assert alice.pay(PAYMENT, 1234).json()["status"] == "accepted"
    assert alice.booked() == 150000
    told = sandbox.control("POST", f"/payments/{PAYMENT}/settle")
    assert (told["payment"]["status"], told["webhooks"][0]["status"]) == ("settled", 200)
    assert alice.booked() == 148766
    path, headers, body = receiver.taken[0]
    assert path == "/api/webhooks/payments/status"
    assert headers["x-webhook-provider"] == "payments"
    assert genuine(receiver.taken[0], "demo-payment-webhook-secret")
    fields = msgspec.json.decode(body)
    assert (fields["payment_id"], fields["status"], fields["amount"], fields["currency"]) == (
        PAYMENT, "completed", "12.34", "USD",
    )  # fmt: skip
    assert sandbox.http.post(f"/_sandbox/payments/{PAYMENT}/fail").status_code == 409


def test_time_settles_what_is_deferred_and_the_webhook_is_sent_until_taken(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    sandbox.control("PUT", "/settings", settlement="deferred", settle_after_ms=60_000)
    alice = sandbox.holder()
    alice.pay(PAYMENT, 100)
    assert alice.ask("GET", f"/payments/{PAYMENT}").json()["status"] == "accepted"
    sandbox.control("POST", "/clock", advance_seconds=60)
    until_taken(receiver, 2)
    assert receiver.taken[0] == receiver.taken[1]
    assert alice.ask("GET", f"/payments/{PAYMENT}").json()["status"] == "settled"


def test_a_failed_payment_moves_nothing(sandbox: Sandbox) -> None:
    sandbox.control("PUT", "/settings", settlement="deferred")
    alice = sandbox.holder()
    alice.pay(PAYMENT, 100)
    sandbox.control("POST", f"/payments/{PAYMENT}/fail")
    assert alice.ask("GET", f"/payments/{PAYMENT}").json()["status"] == "failed"
    assert alice.booked() == 150000


def test_what_was_cancelled_is_never_made(sandbox: Sandbox) -> None:
    alice = sandbox.holder()
    assert alice.ask("GET", "/payments/later").status_code == 404
    assert alice.ask("DELETE", "/payments/later").json()["status"] == "cancelled"
    assert alice.pay("later", 100).json()["status"] == "cancelled"
    sandbox.control("PUT", "/settings", settlement="deferred")
    alice.pay("open", 100)
    assert alice.ask("DELETE", "/payments/open").json()["status"] == "cancelled"
    sandbox.control("PUT", "/settings", settlement="instant")
    alice.pay("done", 100)
    assert alice.ask("DELETE", "/payments/done").status_code == 409
    assert alice.booked() == 149900


def test_webhooks_can_be_sent_right_and_wrong(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.control("PUT", "/settings", webhook_secret="s" * 16)
    wish = {"kind": "fraud", "body": {"payment_id": PAYMENT}}
    sandbox.control("POST", "/webhooks/send", **wish, repeat=2)
    sandbox.control("POST", "/webhooks/send", **wish, tamper=True)
    sandbox.control("POST", "/webhooks/send", **wish, age_seconds=360)
    sandbox.control("POST", "/webhooks/send", **wish, signature="sha256")
    twice, tampered, old, bare = receiver.taken[:2], *receiver.taken[2:]
    assert [genuine(each, "s" * 16) for each in twice] == [True, True]
    assert twice[0][2] == twice[1][2]
    assert twice[0][0] == "/api/webhooks/fraud/detection"
    assert not genuine(tampered, "s" * 16)
    age = time.time() - int(old[1]["x-webhook-signature"].split(",")[0].removeprefix("t="))
    assert 355 < age < 370
    assert genuine(old, "s" * 16)
    mac = hmac.new(b"s" * 16, bare[2], hashlib.sha256).hexdigest()
    assert bare[1]["x-webhook-signature"] == f"sha256={mac}"


def test_a_webhook_needs_somewhere_to_go(sandbox: Sandbox) -> None:
    send = "/_sandbox/webhooks/send"
    assert sandbox.http.post(send, json={"kind": "fraud", "body": {}}).status_code == 409
    assert sandbox.http.post(send, json={"kind": "gossip", "body": {}}).status_code == 400
