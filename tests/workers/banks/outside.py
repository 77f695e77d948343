"""One outside bank as the contract meets it: an adapter, and the bank it speaks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from ops.sandbox_bank.bank import Bank
from ops.sandbox_bank.serving import beside
from tests.ops.sandbox_bank.customer import BACK, CHALLENGE, CLIENT, VERIFIER, Sandbox, returned
from tests.workers.banks.monzo_stub import monzo_stub
from workers.banks.calls import Calls
from workers.banks.monzo import monzo
from workers.banks.port import Authorization, BankPort, Grant, Tokens
from workers.banks.sandbox import sandbox_bank
from workers.breakers import Breakers, NoBreakers

KINDS = ("cursor", "windows", "monzo")
TIMEOUT_MS = 3_000


class Outside:
    """A bank, who controls it, and us as its client."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.sandbox = kind, Sandbox(url)
        self.open_calls: list[Calls] = []
        self.port = self.adapter()

    def adapter(
        self, breakers: Breakers | None = None, limit: int = 100, timeout_ms: int = TIMEOUT_MS
    ) -> BankPort:
        shared = breakers or NoBreakers()
        provider = "monzo" if self.kind == "monzo" else "sandbox"
        calls = Calls(provider, shared, timeout_ms, chance=lambda _: 1)
        self.open_calls.append(calls)
        client = (CLIENT.client_id, CLIENT.client_secret)
        if self.kind == "monzo":
            port = monzo((self.sandbox.url,) * 2, client, calls, lambda: datetime.now(UTC))
            port.limit = limit
            return port
        suffix = "/windows" if self.kind == "windows" else ""
        speaking = sandbox_bank(self.sandbox.url + suffix, *client, calls)
        speaking.limit = limit
        return speaking

    def wish(self) -> Authorization:
        challenge = CHALLENGE if self.port.capabilities.pkce else None
        return Authorization(
            redirect_uri=BACK, state="s" * 43, code_challenge=challenge, user_name="alice123"
        )

    def consented(self, username: str = "alice123") -> Tokens:
        wish = msgspec.structs.replace(self.wish(), user_name=username)
        url = self.port.authorization_url(wish)
        if self.kind == "monzo":
            url += f"&login_hint={username}"
        code = returned(self.sandbox.http.get(f"{url}&auto=approve"))["code"]
        return self.port.exchange_code(self.grant(code))

    def grant(self, code: str) -> Grant:
        verifier = VERIFIER if self.port.capabilities.pkce else None
        return Grant(code=code, redirect_uri=BACK, code_verifier=verifier)

    def fault(self, kind: str, **told: Any) -> Any:
        return self.sandbox.fault(kind, **told)

    def calls(self, noun: str) -> int:
        """Count how often something was asked for, in whatever dialect."""
        kept = self.sandbox.control("GET", "/requests")["requests"]
        return sum(each["path"].endswith(f"/{noun}") for each in kept)

    def begin(self) -> None:
        """Put the bank back, and use an adapter of one's own."""
        self.end()
        self.sandbox.control("POST", "/reset")
        self.port = self.adapter()

    def end(self) -> None:
        """Hang up all calls."""
        while self.open_calls:
            self.open_calls.pop().close()

    def truth(self, account_id: str) -> dict[str, tuple[int, str, str]]:
        told = self.sandbox.control("GET", "/truth")["accounts"]
        (account,) = (each for each in told if each["id"] == account_id)
        return {
            each["id"]: (each["amount"], each["status"], each["description"])
            for each in account["transactions"]
        }


@contextmanager
def outside(kind: str) -> Iterator[Outside]:
    """Run a bank of one kind for the length of the block."""
    running = monzo_stub() if kind == "monzo" else beside(Bank(CLIENT, 7))
    with running as url:
        bank = Outside(kind, url)
        with bank.sandbox.http:
            yield bank
        bank.end()
