"""Customers of an outside bank: on their way to it and back, and what they have there."""

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import msgspec

from ledger.commands.command import Context
from ledger.commands.connection import RequestSync
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import open_books
from tests.access.house import Caller, House
from tests.ops.sandbox_bank.customer import Sandbox

NUMBERS = count(1)
DEADLINE_SECONDS = 20.0
POLL_SECONDS = 0.05


class Customer(msgspec.Struct, frozen=True):
    """Somebody with an account at the outside bank, under a name of their own there."""

    caller: Caller
    username: str
    external_account_id: str


class Outside:
    """The catalogue's bank, and the customers who are connected with it."""

    def __init__(self, house: House, sandbox: Sandbox, admin: Caller) -> None:
        self.house, self.sandbox, self.admin = house, sandbox, admin
        self.code = f"OUTSIDE_{next(NUMBERS)}"
        asked = {"name": "Outside Bank", "code": self.code, "country": "US", "provider": "sandbox"}
        self.bank = house.data(admin, "POST", "/api/banks", asked)["id"]
        path = f"/api/banks/{self.bank}/branches"
        branch = {"name": "Main", "country": "US"}
        self.branch = str(house.data(admin, "POST", path, branch)["id"])

    def customer(self, balance: int = 100_000) -> Customer:
        """Let somebody join who has an account over there; minor units."""
        caller, username = self.house.customer(), f"visitor{next(NUMBERS)}"
        made = self.sandbox.control(
            "POST", "/accounts", username=username, name="Everyday", currency="USD",
            balance=balance, type="checking", last_four="4242",
        )  # fmt: skip
        return Customer(caller, username, made["id"])

    def request(self, customer: Customer, **more: Any) -> httpx2.Response:
        body = {"bank_branch_id": self.branch, "username": customer.username, **more}
        return self.house.ask(customer.caller, "POST", "/api/bank-connections", body)

    def consent(self, answer: httpx2.Response, decision: str = "approve") -> dict[str, str]:
        """Decide at the bank; return what its redirect says."""
        url = answer.json()["data"]["authorization_url"]
        found = self.sandbox.http.get(f"{url}&auto={decision}")
        query = urlsplit(found.headers["location"]).query
        return {name: values[0] for name, values in parse_qs(query).items()}

    def come_back(self, said: dict[str, str], cookie: str | None, server: int = 1) -> Any:
        headers = {} if cookie is None else {"cookie": cookie}
        path = f"/api/bank-connections/callback?{urlencode(said)}"
        return self.house.clients[server].get(path, headers=headers)

    def connected(self, customer: Customer, **more: Any) -> str:
        """Connect, and wait for the end of the first sync."""
        answer = self.request(customer, **more)
        assert answer.status_code == 201, answer.text
        back = self.come_back(self.consent(answer), cookie_of(answer))
        assert back.status_code == 200, back.text
        connection_id = str(back.json()["data"]["connection"]["id"])
        self.until(
            lambda: self.connection(customer, connection_id)["last_sync_at"], "the first sync"
        )
        return connection_id

    def connection(self, customer: Customer, connection_id: str) -> Any:
        path = f"/api/bank-connections/{connection_id}"
        return self.house.data(customer.caller, "GET", path)

    def account(self, customer: Customer) -> Any:
        [found] = self.house.data(customer.caller, "GET", "/api/accounts")
        return found

    def transactions(self, customer: Customer) -> list[Any]:
        path = f"/api/accounts/{self.account(customer)['id']}/transactions?sort=inserted_at:asc"
        found: list[Any] = self.house.data(customer.caller, "GET", path)
        return found

    def started(self, customer: Customer, amount: str) -> str:
        """Have a payment out of the customer's account begin; return its id."""
        asked = {
            "amount": amount,
            "direction": "DEBIT",
            "payment_type": "PAYMENT",
            "description": f"Rent {new_id()}",
            "user_bank_account_id": self.account(customer)["id"],
        }
        made = self.house.data(customer.caller, "POST", "/api/payments", asked)
        self.house.data(customer.caller, "POST", f"/api/payments/{made['id']}/process")
        return str(made["id"])

    def lose_consent(self, connection_id: str) -> None:
        """Have a token run out, and the bank refuse a new one."""
        self.house.rows(
            "UPDATE log.bank_tokens SET expires_at = '2020-01-01T00:00:00.000000Z'"
            " WHERE connection_id = %s RETURNING key_id",
            connection_id,
        )
        match = {"method": "POST", "path": "/oauth2/token"}
        self.sandbox.fault("invalid_grant", match=match)
        self.ask_by_schedule(connection_id)

    def ask_by_schedule(self, connection_id: str) -> None:
        """Have a connection's time come: the schedule asks for its sync."""
        asyncio.run(wish(self.house, connection_id))

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something is so; return it."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(POLL_SECONDS)
        return found


def cookie_of(answer: httpx2.Response) -> str:
    """Return the cookie that binds a way to the browser."""
    return str(answer.headers["set-cookie"]).partition(";")[0]


async def wish(house: House, connection_id: str) -> None:
    """Ask for a sync as the schedule does."""
    command = RequestSync(connection_id=connection_id, job_key=new_id(), by="schedule")
    async with open_books(house.settings, house.dsn) as books:
        await books.ledger.handle(command, Context(actor=SYSTEM, correlation_id=new_id()))
