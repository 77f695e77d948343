"""Whoever asks in a campaign: one caller of every kind, replaced when their token dies."""

from collections.abc import Mapping
from itertools import count, cycle
from typing import Any

import httpx2
import msgspec

from ledger.identity import new_id
from ledger.policies.access import SCOPES

PASSWORD = "a horse that nobody corrects"  # noqa: S105  # of people who exist for one campaign
ORDER = ("admin", "user", "service", "admin", "support", "user", "auditor")
"""Who asks after whom: the more somebody may do, the more often."""
KEEPERS = 3
FUNDS = "1000000.00"
SECONDS = 30.0


class LockedOut(Exception):
    """No administrator of the campaign's own can sign in any more."""


class Signed(msgspec.Struct, frozen=True):
    """Who somebody is, and what they send to prove it."""

    id: str
    bearer: str


class Crowd:
    """Callers by turns. Only keepers, who never ask anything else, let new ones in."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=SECONDS)
        self.turns, self.numbers = cycle(ORDER), count(1)
        self.callers: dict[str, Signed] = {}
        self.keepers = [(email, password)]
        self.kept: Signed | None = None
        self.hidden = {self.keeper().id}
        for _ in range(KEEPERS):
            found, email = self.registered("admin")
            self.hidden.add(found)
            self.keepers.append((email, PASSWORD))

    def close(self) -> None:
        """Let the connections go."""
        self.http.close()

    def next(self) -> str:
        """Return the bearer of whoever's turn it is."""
        role = next(self.turns)
        if role not in self.callers:
            self.callers[role] = self.service() if role == "service" else self.person(role)
        return self.callers[role].bearer

    def forget(self, bearer: str) -> None:
        """Ask no more as whoever was turned away with this bearer."""
        self.callers = {role: each for role, each in self.callers.items() if each.bearer != bearer}

    def settle(self) -> dict[str, list[str]]:
        """Open funded accounts for everybody who may have some; return ids by collection."""
        owners = [self.person(role).id for role in ("user", "user", "support")]
        accounts = [self.account(owner) for owner in owners for _ in range(2)]
        return {"/api/accounts": accounts, "/api/users": owners}

    def account(self, owner: str) -> str:
        """Open an account with funds."""
        asked = {
            "user_id": owner,
            "currency": "USD",
            "account_type": "CHECKING",
            "account_name": "Everyday",
            "opening_balance": FUNDS,
        }
        return str(self.made("/api/accounts", asked)["id"])

    def person(self, role: str) -> Signed:
        """Let somebody in and sign them in."""
        _, email = self.registered(role)
        return self.callers.setdefault(role, self.signed_in(email, PASSWORD))

    def registered(self, role: str) -> tuple[str, str]:
        """Register somebody; return id and address."""
        email = f"{role}{next(self.numbers)}-{new_id()}@example.com"
        asked = {
            "email": email,
            "full_name": "One of the Crowd",
            "password": PASSWORD,
            "password_confirmation": PASSWORD,
            "role": role,
        }
        return str(self.made("/api/users/admin", asked)["id"]), email

    def service(self) -> Signed:
        """Make a service account that may do whatever one can."""
        made = self.made("/api/service-accounts", {"name": "Robot", "scopes": list(SCOPES)})
        return Signed(made["id"], f"Bearer {made['api_key']}")

    def made(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Have a keeper make something. Raises `LockedOut`."""
        answer = self.http.post(path, json=asked, headers=self.proof())
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            self.kept = None
            answer = self.http.post(path, json=asked, headers=self.proof())
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data

    def proof(self) -> dict[str, str]:
        """Return the header of a keeper."""
        return {"authorization": self.keeper().bearer}

    def keeper(self) -> Signed:
        """Return the first keeper who can sign in. Raises `LockedOut`."""
        while self.kept is None:
            if not self.keepers:
                raise LockedOut("no administrator of the campaign can sign in any more")
            try:
                self.kept = self.signed_in(*self.keepers[0])
            except httpx2.HTTPStatusError:
                del self.keepers[0]
        return self.kept

    def signed_in(self, email: str, password: str) -> Signed:
        """Sign somebody in. Raises `httpx2.HTTPStatusError`."""
        answer = self.http.post("/api/auth/login", json={"email": email, "password": password})
        answer.raise_for_status()
        data = answer.json()["data"]
        return Signed(data["user"]["id"], f"Bearer {data['access_token']}")
