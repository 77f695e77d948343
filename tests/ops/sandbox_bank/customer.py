"""A client of the sandbox bank, and whoever holds its controls."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from ops.sandbox_bank.authorization import Client
from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.serving import beside

CLIENT = Client("ledgerbank", "sandbox-secret")
BACK = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]


class Sandbox:
    """A running sandbox bank."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, trust_env=False, timeout=5)

    def control(self, method: str, path: str, **told: Any) -> Any:
        answered = self.http.request(method, f"/_sandbox{path}", json=told or None)
        assert answered.is_success, answered.text
        return answered.json()

    def fault(self, kind: str, **told: Any) -> Any:
        return self.control("POST", "/faults", kind=kind, **told)

    def received(self, path: str) -> list[Any]:
        kept = self.control("GET", "/requests")["requests"]
        return [each for each in kept if each["path"] == path]

    def authorize(self, **changes: str | None) -> httpx2.Response:
        fields = {
            "response_type": "code",
            "client_id": CLIENT.client_id,
            "redirect_uri": BACK,
            "scope": "read write",
            "state": "a&b",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "auto": "approve",
            "login_hint": "alice123",
            **changes,
        }
        told = {name: value for name, value in fields.items() if value is not None}
        return self.http.get(f"/oauth/authorize?{urlencode(told)}")

    def code(self, username: str = "alice123") -> str:
        return returned(self.authorize(login_hint=username))["code"]

    def token(self, **fields: str) -> httpx2.Response:
        form = {"client_id": CLIENT.client_id, "client_secret": CLIENT.client_secret, **fields}
        return self.http.post("/oauth2/token", data=form)

    def exchange(self, code: str, **changes: str) -> httpx2.Response:
        fields = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.token(grant_type="authorization_code", **{**fields, **changes})

    def refresh(self, refresh_token: str) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def holder(self, username: str = "alice123") -> "Holder":
        tokens = self.exchange(self.code(username)).json()
        return Holder(self, tokens)


class Holder:
    """Somebody with tokens."""

    def __init__(self, sandbox: Sandbox, tokens: dict[str, Any]) -> None:
        self.sandbox, self.tokens = sandbox, tokens

    def ask(self, method: str, path: str, **told: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        headers |= told.pop("headers", {})
        return self.sandbox.http.request(method, path, headers=headers, **told)

    def changes(self, account_id: str, cursor: str = "", limit: int = 100) -> Any:
        path = f"/transactions?account_id={account_id}&cursor={cursor}&limit={limit}"
        return self.ask("GET", path).json()

    def pay(self, payment_id: str, amount: int, **changes: Any) -> httpx2.Response:
        key = changes.pop("key", payment_id)
        order = {
            "payment_id": payment_id,
            "account_id": "acc_alice_checking",
            "amount": amount,
            "currency": "USD",
            "direction": "DEBIT",
            "description": "Rent",
            "reference": None,
            **changes,
        }
        return self.ask("POST", "/payments", json=order, headers={"Idempotency-Key": key})

    def booked(self, account_id: str = "acc_alice_checking") -> int:
        balance: int = self.ask("GET", f"/balance?account_id={account_id}").json()["balance"]
        return balance


@contextmanager
def sandbox_bank(seed: int = 7, path: Path | None = None) -> Iterator[Sandbox]:
    """Run a sandbox bank for the length of the block."""
    with beside(Bank(CLIENT, seed, path)) as url:
        sandbox = Sandbox(url)
        with sandbox.http:
            yield sandbox


def returned(answered: httpx2.Response) -> dict[str, str]:
    """Return what a redirect says."""
    assert answered.status_code == 302, answered.text
    place = urlsplit(answered.headers["location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == BACK
    return {name: values[0] for name, values in parse_qs(place.query).items()}
