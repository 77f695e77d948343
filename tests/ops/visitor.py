"""A server with chosen settings, and somebody who finds out what they are from outside."""

import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpx2
import jwt
import psycopg
import uvloop
from uvicorn import Server

from ledger.identity import new_id
from ops.demo import ADMIN, ALICE, BOB
from ops.http import open_app, wire_of
from ops.server import server_config
from ops.settings import Settings

TYPES = ("CHECKING", "SAVINGS", "CREDIT", "INVESTMENT")


@contextmanager
def served(settings: Settings, dsn: str, redis_url: str) -> Iterator[str]:
    """Serve with these settings for the length of the block; give the address."""
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            async with open_app(settings, dsn, redis_url) as app:
                server = Server(server_config(app, "127.0.0.1", 0, wire_of(settings)))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
        thread.start()
        server = ready.result(20)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


class Visitor:
    """Asks a server in every way in which settings show."""

    def __init__(self, url: str, dsn: str) -> None:
        self.client, self.dsn = httpx2.Client(base_url=url, timeout=30), dsn
        self.alice = self.sign_in(ALICE.email, ALICE.password)
        self.admin = self.sign_in(ADMIN.email, ADMIN.password)

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        answer = self.login(email, password)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])

    def login(self, email: str, password: str) -> httpx2.Response:
        return self.client.post("/api/auth/login", json={"email": email, "password": password})

    def post(self, who: Mapping[str, Any], path: str, body: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {who['access_token']}"}
        return self.client.post(path, json=body, headers=headers)

    def account(self, account_type: str = "INVESTMENT", owner: str = ALICE.user_id) -> str:
        body = {
            "currency": "USD",
            "account_type": account_type,
            "account_name": "Everyday",
            "user_id": owner,
            "opening_balance": "1000.00",
        }
        answer = self.post(self.admin, "/api/accounts", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["id"])

    def moved(self, account_type: str, amount: str) -> str:
        """Return "moved", or why money of Alice could not go to Bob."""
        body = {
            "source_account_id": self.account(account_type),
            "destination_account_id": self.account(owner=BOB.user_id),
            "amount": amount,
            "description": "moved",
        }
        return told(self.post(self.alice, "/api/transfers", body), "moved")

    def paid(self, amount: str, times: int = 1) -> str:
        """Return what becomes of the last of some equal payments, without workers."""
        account, found = self.account(), ""
        for _ in range(times):
            created = self.created(account, amount)
            found = told(created, "created")
            if created.is_success:
                path = f"/api/payments/{created.json()['data']['id']}/process"
                found = told(self.post(self.alice, path, None), "processing")
        return found

    def created(self, account: str, amount: str) -> httpx2.Response:
        """Answer a new payment of Alice."""
        body = {
            "amount": amount,
            "direction": "DEBIT",
            "payment_type": "PAYMENT",
            "description": "the same",
            "user_bank_account_id": account,
        }
        return self.post(self.alice, "/api/payments", body)

    def starts_by_itself(self) -> bool:
        """Say whether a new payment is one that workers start."""
        self.created(self.account(), "5.00")
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(NEWEST_PAYMENT).fetchone()
        assert row is not None
        return b'"processing":"auto"' in bytes(row[0])

    def told_at_home(self) -> str:
        """Return what comes of wanting to be told on this machine."""
        body = {"url": "http://127.0.0.1:9/hook", "event_types": ["ping"]}
        return told(self.post(self.alice, "/api/webhook-endpoints", body), "registered")

    def branch_added(self) -> str:
        """Return what comes of a branch whose IBAN has wrong check digits."""
        name = f"Bank {new_id()}"
        bank = {"name": name, "code": name[-12:].upper(), "country": "GB", "provider": "sandbox"}
        made = self.post(self.admin, "/api/banks", bank)
        assert made.status_code == 201, made.text
        branch = {"name": "Main", "country": "GB", "iban": IBAN}
        path = f"/api/banks/{made.json()['data']['id']}/branches"
        return told(self.post(self.admin, path, branch), "added")

    def denials_told(self) -> int:
        """Return how many audit entries a denied request makes, once a later one has its own."""
        denied, failed = self.count("AccessDenied"), self.count("LoginFailed")
        headers = {"authorization": f"Bearer {self.alice['access_token']}"}
        assert self.client.get("/api/audit/log", headers=headers).status_code == 403
        assert self.login(f"{new_id()}@example.com", "wrong").status_code == 401
        until = monotonic() + 10
        while self.count("LoginFailed") == failed:
            assert monotonic() < until, "the failure was never told"
        return self.count("AccessDenied") - denied

    def count(self, name: str) -> int:
        """Return how many events of a name there are."""
        with psycopg.connect(self.dsn) as connection:
            [(found,)] = connection.execute(COUNT, (name,)).fetchall()
        return int(found)

    def registered(self, length: int) -> str:
        """Return what comes of registering with a password of this length."""
        password = "p" * length
        body = {"email": f"{new_id()}@example.com", "full_name": "Somebody", "password": password}
        answer = self.client.post("/api/users", json=body | {"password_confirmation": password})
        return told(answer, "registered")

    def newest_hash(self) -> str:
        """Return the cost of the newest password."""
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(HASHES).fetchall()
        return str(max(rows)[1].split("$")[3])

    def locked_out(self) -> str:
        """Return what comes of a second wrong guess at once."""
        email = f"{new_id()}@example.com"
        return [told(self.login(email, "wrong"), "in") for _ in range(2)][-1]

    def waits_for_projections(self) -> bool:
        """Say whether a query waits long for read models that nobody keeps up to date."""
        began = monotonic()
        headers = {"authorization": f"Bearer {self.alice['access_token']}"}
        answer = self.client.get("/api/accounts", headers=headers)
        assert answer.json()["reason"] == "projection_lagging", answer.text
        return monotonic() - began > 1.5

    def claims(self, kind: str) -> dict[str, Any]:
        """Return what a token of Alice says, its life in seconds, and which key signed it."""
        token = self.alice[f"{kind}_token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        kid = jwt.get_unverified_header(token)["kid"]
        return {**claims, "life": claims["exp"] - claims["iat"], "kid": kid}

    def headers_of(self, path: str = "/api/problems", **headers: str) -> httpx2.Headers:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named).headers

    def status_of(self, path: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named).status_code


def told(answer: httpx2.Response, success: str) -> str:
    return success if answer.is_success else str(answer.json()["reason"])


NEWEST_PAYMENT = """
SELECT data FROM log.events WHERE name = 'PaymentCreated' ORDER BY position DESC LIMIT 1
"""
COUNT = "SELECT count(*) FROM log.events WHERE name = %s"
IBAN = "GB11BANK12345698765432"
HASHES = "SELECT user_id, password_hash FROM log.credentials"
