"""The WebSocket: opened in three ways, questions answered, closed as documented (AC-89, 90)."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from ledger.identity import new_id
from tests.journeys.people import Person, Town
from tests.journeys.system import System
from tests.journeys.wire import reason_of

SECONDS = 10


class Talk:
    """One side of a conversation."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    def say(self, event: str, payload: Any = None, **more: Any) -> None:
        self.socket.send(json.dumps({"event": event, "payload": payload or {}} | more))

    def hear(self, event: str) -> dict[str, Any]:
        """Return the next thing said of this name; others are passed over."""
        while True:
            said: dict[str, Any] = json.loads(self.socket.recv(timeout=SECONDS))
            if said["event"] == event:
                return said

    def ask(self, event: str, answer: str, **payload: Any) -> dict[str, Any]:
        self.say(event, payload, ref="mark")
        said = self.hear(answer)
        assert said["ref"] == "mark"
        assert "timestamp" in said["payload"]
        told: dict[str, Any] = said["payload"]
        return told

    def told_until(self, status: str) -> list[str]:
        """Return what is said of payments up to the first that is of this status."""
        heard = list[str]()
        while status not in heard:
            heard.append(self.hear("payment_update")["payload"]["status"])
        return heard

    def closed_with(self) -> int:
        """Return the code that the conversation ends with."""
        try:
            while self.socket.recv(timeout=SECONDS):
                pass
        except ConnectionClosed as closed:
            return 0 if closed.rcvd is None else int(closed.rcvd.code)
        raise AssertionError("nothing is said that is empty")


def address(person: Person, server: int) -> str:
    return person.door.urls[server].replace("http", "ws", 1) + "/api/ws"


@contextmanager
def talking(person: Person, server: int = 0, query: str = "", **more: Any) -> Iterator[Talk]:
    headers = {} if query or more.pop("silent", False) else {"authorization": person.bearer}
    url = address(person, server) + query
    with connect(url, additional_headers=headers, open_timeout=SECONDS, **more) as socket:
        yield Talk(socket)


def token(person: Person) -> str:
    return person.bearer.removeprefix("Bearer ")


def test_a_caller_is_known_by_header_query_or_first_words(system: System, customer: Person) -> None:
    with talking(customer, subprotocols=["ledgerbank.v1"]) as talk:
        assert talk.socket.subprotocol == "ledgerbank.v1"
        assert talk.hear("payment_connected")["payload"]["user_id"] == customer.id
    with talking(customer, 1, query=f"?token={token(customer)}") as talk:
        assert talk.hear("payment_connected")["payload"]["user_id"] == customer.id
    with talking(customer, silent=True) as talk:
        talk.say("authenticate", {"token": token(customer)})
        assert talk.hear("payment_connected")["payload"]["user_id"] == customer.id
    with talking(customer, silent=True) as talk:
        talk.say("authenticate", {"token": "nonsense"})
        assert talk.closed_with() == 4401
    with talking(customer, 1, silent=True) as talk:
        began = time.monotonic()
        assert talk.closed_with() == 4401
        assert 4 < time.monotonic() - began < 8
    assert token(customer) not in system.log.read_text(errors="replace")


def test_a_handshake_may_be_refused(town: Town, customer: Person) -> None:
    url = address(customer, 0)
    attempts = [
        (url, {"authorization": "Bearer nonsense"}, None, 401),
        (f"{url}?jwt=nonsense", {}, None, 401),
        (url, {"authorization": customer.bearer}, Origin("https://elsewhere.example"), 403),
    ]
    for asked, headers, origin, status in attempts:
        with pytest.raises(InvalidStatus) as refused:
            connect(asked, additional_headers=headers, origin=origin)
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["content-type"] == "application/problem+json"
    plain = customer.ask("GET", "/api/ws")
    assert (plain.status_code, reason_of(plain)) == (400, "invalid_request")
    half = town.door.ask("GET", "/api/ws", connection="Upgrade", upgrade="websocket")
    assert (half.status_code, reason_of(half)) == (400, "invalid_request")
    elsewhere: httpx2.Response = customer.ask(
        "GET", "/api/auth/me", connection="Upgrade", upgrade="websocket"
    )
    assert elsewhere.status_code == 200


def test_questions_are_answered(town: Town, customer: Person) -> None:
    account, payment = town.account(customer), ""
    payment = customer.payment(account, "10.00")["id"]
    with talking(customer) as talk:
        talk.hear("payment_connected")
        status = talk.ask("payment_status", "payment_status_update", payment_id=payment)
        assert (status["status"], status["amount"]) == ("PENDING", "10.00")
        held = talk.ask("balance_request", "balance_update", account_id=account)
        assert (held["balance"], held["available"]) == ("1000.00", "1000.00")
        assert talk.ask("ping", "pong")["server_time"] > 0
        assert talk.ask("nonsense", "error")["error"] == "invalid_request"
        unknown = talk.ask("payment_status", "payment_error", payment_id=new_id())
        assert unknown["error"] == "payment_not_found"
        odd = talk.ask("payment_status", "payment_error", payment_id="nonsense")
        assert odd["error"] == "invalid_uuid_format"
        talk.socket.send('{"event": 7}')
        assert talk.hear("error")["payload"]["error"] == "invalid_request"
        talk.ask("subscribe_payment", "subscription_confirmed", payment_id=payment)
        customer.made(f"/api/payments/{payment}/process")
        before, *_ = told = talk.told_until("COMPLETED")
        assert told[before == "PENDING" :] == ["PROCESSING", "COMPLETED"], "old news may be late"
        assert talk.ask("balance_request", "balance_update", account_id=account)["balance"] == (
            "990.00"
        )
        talk.ask("unsubscribe_payment", "subscription_ended", payment_id=payment)


def test_others_are_told_of_by_id_to_staff_alone(town: Town, customer: Person) -> None:
    account = town.account(customer)
    payment = customer.payment(account, "10.00")["id"]
    with talking(town.customer()) as stranger:
        refused = stranger.ask("subscribe_payment", "payment_error", payment_id=payment)
        assert refused["error"] == "insufficient_permissions"
        hidden = stranger.ask("balance_request", "balance_error", account_id=account)
        assert hidden["error"] == "unauthorized_access"
    with talking(town.auditor, 1) as reader:
        reader.ask("subscribe_payment", "subscription_confirmed", payment_id=payment)
        assert customer.ask("DELETE", f"/api/payments/{payment}").status_code == 200
        assert reader.told_until("CANCELLED")[:-1] in ([], ["PENDING"]), "old news may be late"


@pytest.mark.parametrize(
    ("said", "code"),
    [("x" * 16_385, 1003), ("x" * 200_000, 1003), (b"{}", 1003), ("{", 1003), ("[]" * 9, 1003)],
    ids=["long", "very long", "binary", "no json", "two documents"],
)
def test_what_cannot_be_read_ends_the_conversation(
    customer: Person, said: str | bytes, code: int
) -> None:
    with talking(customer) as talk:
        talk.hear("payment_connected")
        talk.socket.send(said)
        assert talk.closed_with() == code


def test_who_speaks_too_fast_is_left(customer: Person) -> None:
    with talking(customer) as talk:
        for _ in range(40):
            talk.socket.send('{"event":"ping"}')
        assert talk.closed_with() == 4429


def test_a_conversation_ends_with_its_session(town: Town) -> None:
    leaving, suspended = town.customer(), town.customer()
    with talking(leaving) as one, talking(suspended, 1) as other:
        began = time.monotonic()
        assert leaving.ask("POST", "/api/auth/logout-all").status_code == 200
        town.admin.ask("PUT", f"/api/users/{suspended.id}", {"status": "SUSPENDED"})
        assert (one.closed_with(), other.closed_with()) == (4401, 4401)
        assert time.monotonic() - began < 5
