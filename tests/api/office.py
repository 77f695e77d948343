"""An office: staff and customers of a bank who are signed in, and what they ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from itertools import count
from typing import Any
from uuid import uuid4

import httpx2
import msgspec

from ledger.commands.user import ChangeRole
from ops.embedded.postgres import Place
from tests.api.bank import PASSWORD, Bank, followed, opened
from tests.api.queries.conftest import copied
from tests.api.signing_in import login, register, signed_in

NUMBERS = count(1)


class Someone:
    """Somebody with a token."""

    def __init__(self, bank: Bank, email: str, password: str = PASSWORD) -> None:
        self.bank, self.email = bank, email
        self.tokens: dict[str, Any] = msgspec.json.decode(login(bank, email, password).content)
        self.id: str = self.tokens["data"]["user"]["id"]
        self.bearer = f"Bearer {self.tokens['data']['access_token']}"

    def at(self, bank: Bank) -> "Someone":
        """Return the same person at another server."""
        there = copy(self)
        there.bank = bank
        return there

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else msgspec.json.encode(body)
        known = {"authorization": self.bearer, "content-type": "application/json"}
        return self.bank.served.request(method, path, content=content, headers=known | named)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.ask("GET", path, **headers)

    def put(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return self.ask("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> httpx2.Response:
        return self.ask("DELETE", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return self.ask("POST", path, body, **headers)


class Office:
    """Two admins, support and an auditor, all signed in; customers come as needed."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.ada, self.eve = self.staff("admin"), self.staff("admin")
        self.sue, self.audrey = self.staff("support"), self.staff("auditor")

    def staff(self, role: str) -> Someone:
        """Let a member of staff join and sign in."""
        person = register(self.bank, f"{role}{next(NUMBERS)}-{uuid4().hex[:6]}@example.com")
        self.bank.ask(ChangeRole(user_id=person["id"], role=role))
        return Someone(self.bank, person["email"])

    def customer(self) -> Someone:
        """Let a customer join and sign in."""
        return Someone(self.bank, signed_in(self.bank)["user"]["email"])

    def user(self, **fields: Any) -> dict[str, Any]:
        """Let a customer join who does not sign in."""
        return register(self.bank, **fields)

    def named(self, role: str) -> Someone:
        """Return somebody in this role."""
        known = {"admin": self.ada, "support": self.sue, "auditor": self.audrey}
        return known.get(role) or self.customer()


@contextmanager
def staffed(server: Place, template: str) -> Iterator[Office]:
    """Open a bank with staff in it, whose read model is kept up to date."""
    with copied(server, template) as database, opened(database) as bank, followed(database):
        yield Office(bank)
