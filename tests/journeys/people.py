"""Clients of a running deployment: who they are, what they ask, and asking all at once."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import httpx2
import msgspec

from ledger.identity import new_id
from ops.demo import Person as DemoPerson
from tests.journeys.wire import reason_of, seemly

PASSWORD = "correct horse battery staple"
NUMBERS = count(1)
SIGNED_IN_SECONDS = 5 * 60
"""How long a token is used; it lives three times as long."""
SECONDS = 60


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request to be sent."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}

    def content(self) -> dict[str, Any]:
        """Return the arguments of a client's `request`."""
        asked: dict[str, Any] = {"method": self.method, "url": self.path, "headers": self.headers}
        if self.body is None:
            return asked
        body = self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
        headers = {"content-type": "application/json"} | self.headers
        return asked | {"content": body, "headers": headers}


def is_behind(answer: httpx2.Response) -> bool:
    """Say whether the read models had not come far enough when the answer was due."""
    return answer.status_code == 503 and reason_of(answer) == "projection_lagging"


def headers_of(named: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").lower(): value for name, value in named.items()}


class Door:
    """Both servers of a deployment."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls
        self.clients = [httpx2.Client(base_url=url, timeout=SECONDS) for url in urls]

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def send(self, ask: Ask, server: int = 0) -> httpx2.Response:
        """Send a request; one that reads is sent again until the read models can answer it."""
        if ask.method != "GET" or "ledger-position" in ask.headers:
            return self.send_once(ask, server)
        answer: httpx2.Response
        while is_behind(answer := self.send_once(ask, server)):
            time.sleep(float(answer.headers["retry-after"]))
        return answer

    def send_once(self, ask: Ask, server: int) -> httpx2.Response:
        return seemly(self.clients[server].request(**ask.content()))

    def ask(
        self, method: str, path: str, body: Any = None, *, server: int = 0, **headers: str
    ) -> httpx2.Response:
        """Ask without saying who asks."""
        asked = Ask(method=method, path=path, body=body, headers=headers_of(headers))
        return self.send(asked, server)

    def race(self, asks: Iterable[Ask]) -> list[httpx2.Response]:
        """Send all requests at the same moment, spread over both servers."""
        return asyncio.run(raced(self.urls, list(asks)))


async def raced(urls: Sequence[str], asks: list[Ask]) -> list[httpx2.Response]:
    endless = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    clients = [httpx2.AsyncClient(base_url=url, timeout=SECONDS, limits=endless) for url in urls]
    try:
        turns = [(clients[number % len(clients)], ask) for number, ask in enumerate(asks)]
        await asyncio.gather(*(client.get("/api/health/live") for client, _ in turns))
        answers = await asyncio.gather(*(client.request(**ask.content()) for client, ask in turns))
        return [seemly(answer) for answer in answers]
    finally:
        for client in clients:
            await client.aclose()


class Person:
    """Somebody who is signed in."""

    def __init__(self, door: Door, email: str, password: str) -> None:
        self.door, self.email, self.password = door, email, password
        self.sign_in()

    def sign_in(self) -> None:
        """Begin a session."""
        asked = {"email": self.email, "password": self.password}
        signed_in = self.door.ask("POST", "/api/auth/login", asked, server=0)
        assert signed_in.status_code == 200, signed_in.text
        data = signed_in.json()["data"]
        self.token = f"Bearer {data['access_token']}"
        self.signed_in_at = time.monotonic()
        self.refresh_token: str = data["refresh_token"]
        self.id: str = data["user"]["id"]

    @property
    def bearer(self) -> str:
        """Return a token that is good for some minutes; some people stay as long as all tests."""
        if time.monotonic() - self.signed_in_at > SIGNED_IN_SECONDS:
            self.sign_in()
        return self.token

    def asks(self, method: str, path: str, body: Any = None, **headers: str) -> Ask:
        """Return a request of this person, to be sent."""
        named = {"authorization": self.bearer} | headers_of(headers)
        return Ask(method=method, path=path, body=body, headers=named)

    def ask(
        self, method: str, path: str, body: Any = None, *, server: int = 0, **headers: str
    ) -> httpx2.Response:
        return self.door.send(self.asks(method, path, body, **headers), server)

    def get(self, path: str, *, server: int = 0, **headers: str) -> Any:
        """Return the data at a path, which is there."""
        answer = self.ask("GET", path, server=server, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def made(self, path: str, body: Any = None, *, server: int = 0, **headers: str) -> Any:
        """Return what a command made."""
        answer = self.ask("POST", path, body, server=server, **headers)
        assert answer.status_code in {200, 201, 202}, answer.text
        return answer.json()["data"]

    def balance(self, account_id: str, server: int = 1) -> str:
        found: str = self.get(f"/api/accounts/{account_id}/balance", server=server)["balance"]
        return found

    def transfer(self, source: str, destination: str, amount: str, **headers: str) -> Ask:
        body = {
            "source_account_id": source,
            "destination_account_id": destination,
            "amount": amount,
            "description": "moved",
        }
        return self.asks("POST", "/api/transfers", body, **headers)

    def payment(self, account_id: str, amount: str = "10.00", **fields: Any) -> dict[str, Any]:
        """Return a payment that has been created."""
        return dict(self.made("/api/payments", payment_body(account_id, amount, **fields)))


def payment_body(account_id: str, amount: str = "10.00", **fields: Any) -> dict[str, Any]:
    """Return the fields of a payment; its text is like no other's."""
    return {
        "amount": amount,
        "direction": "DEBIT",
        "payment_type": "PAYMENT",
        "description": f"bought {new_id()}",
        "user_bank_account_id": account_id,
    } | fields


class Town:
    """A deployment with its staff; customers join as needed."""

    def __init__(self, door: Door, admin: DemoPerson, support: DemoPerson, auditor: DemoPerson):
        self.door = door
        self.admin = Person(door, admin.email, admin.password)
        self.support = Person(door, support.email, support.password)
        self.auditor = Person(door, auditor.email, auditor.password)

    def customer(self) -> Person:
        """Let somebody register and sign in."""
        email = f"customer{next(NUMBERS)}-{new_id()}@example.com"
        body = {
            "email": email,
            "full_name": "Some Customer",
            "password": PASSWORD,
            "password_confirmation": PASSWORD,
        }
        answer = self.door.ask("POST", "/api/users", body)
        assert answer.status_code == 201, answer.text
        return Person(self.door, email, PASSWORD)

    def account(self, owner: Person, opening: str | None = "1000.00", **fields: Any) -> str:
        """Open an account that has money in it; return its id."""
        body = {
            "currency": "USD",
            "account_type": "CHECKING",
            "account_name": "Everyday",
            "user_id": owner.id,
        } | fields
        if opening is not None:
            body["opening_balance"] = opening
        return str(self.admin.made("/api/accounts", body)["id"])

    def books_balance(self) -> None:
        """See that every currency sums to zero."""
        for currency in self.auditor.get("/api/ledger/trial-balance", server=1):
            assert currency["balanced"] is True, currency
            assert currency["total_debit"] == currency["total_credit"]
