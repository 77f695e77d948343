"""A whole bank in this process: two servers on one database, and the read models behind them.

The servers are in the middle of a key rotation: the first still signs tokens under a shared
secret, the second already under an Ed25519 key, and each verifies the other's.
"""

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
from uvicorn import Server

from api.wire import Wire
from ledger.commands.bank import AddBranch, RegisterBank
from ledger.commands.command import Context
from ledger.commands.connection import RequestConnection
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import open_books
from ops.http import open_app
from ops.passwords import passwords_of
from ops.server import server_config
from ops.settings import Settings, read_settings
from schema.principals import email_claim
from tests.api.crafted_tokens import PEM
from tests.projections.conftest import followed

PASSWORD = "correct horse battery staple"
SECRET = "the secret that tokens were signed with before"
SETTINGS = {
    "LEDGERBANK_ENV": "test",
    "LOG_LEVEL": "warning",
    "ARGON2_MEMORY_KIB": "8",
    "POOL_SIZE": "4",
    "SECRET_KEY_BASE": "a secret key base that only these tests know",
    "INDEX_KEY": base64.b64encode(b"i" * 32).decode(),
    "DATA_KEY_ENCRYPTION_KEYS": f"k1:{base64.b64encode(bytes(32)).decode()}",
}
KEYS = (
    {"JWT_SECRET": SECRET, "JWT_KEY_ID": "old", "JWT_PREVIOUS_KEYS": f"new:EdDSA:{PEM}"},
    {"JWT_PRIVATE_KEY": PEM, "JWT_KEY_ID": "new", "JWT_PREVIOUS_KEYS": f"old:HS256:{SECRET}"},
)
NUMBERS = count(1)
BEHIND = 503


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who brings a bearer token or an API key; the refresh token goes with the former."""

    id: str = ""
    role: str = ""
    bearer: str = ""
    refresh_token: str = ""
    email: str = ""


NOBODY = Caller()


class House:
    """Both servers, as clients see them."""

    def __init__(self, dsn: str, ports: list[int], settings: Settings) -> None:
        self.dsn, self.settings = dsn, settings
        self.clients = [
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) for port in ports
        ]

    def ask(
        self,
        caller: Caller,
        method: str,
        path: str,
        body: Any = None,
        *,
        server: int = 0,
        headers: dict[str, str] | None = None,
        **sent: str,
    ) -> httpx2.Response:
        """Send a request; a read that comes too early is sent again."""
        named = {name.replace("_", "-"): value for name, value in sent.items()}
        headers = named | (headers or {})
        if caller.bearer:
            headers["authorization"] = f"Bearer {caller.bearer}"
        content = b"" if body is None else msgspec.json.encode(body)
        if body is not None:
            headers["content-type"] = "application/json"
        while True:
            answer = self.clients[server].request(method, path, content=content, headers=headers)
            if method != "GET" or answer.status_code != BEHIND:
                return answer

    def data(self, caller: Caller, method: str, path: str, body: Any = None, **sent: Any) -> Any:
        """Return what a request that succeeds answers."""
        answer = self.ask(caller, method, path, body, **sent)
        assert answer.is_success, (method, path, answer.text)
        return answer.json()["data"]

    def login(self, email: str, server: int = 0) -> Caller:
        """Sign in."""
        asked = {"email": email, "password": PASSWORD}
        data = self.data(NOBODY, "POST", "/api/auth/login", asked, server=server)
        return Caller(
            id=data["user"]["id"],
            role=data["user"]["role"],
            bearer=data["access_token"],
            refresh_token=data["refresh_token"],
            email=email,
        )

    def customer(self, server: int = 0) -> Caller:
        """Let somebody register and sign in."""
        email = f"customer{next(NUMBERS)}@example.com"
        body = {
            "email": email,
            "full_name": "Some Customer",
            "password": PASSWORD,
            "password_confirmation": PASSWORD,
        }
        self.data(NOBODY, "POST", "/api/users", body)
        return self.login(email, server)

    def member(self, role: str) -> Caller:
        """Let somebody join in a role of their own, and sign in."""
        email = f"{role}{next(NUMBERS)}@example.com"
        asyncio.run(join(self.settings, self.dsn, email, role))
        return self.login(email)

    def machine(self, admin: Caller, *scopes: str) -> Caller:
        """Let an admin create a service account."""
        asked = {"name": "Robot", "scopes": list(scopes)}
        made = self.data(admin, "POST", "/api/service-accounts", asked)
        return Caller(id=made["id"], role="service", bearer=made["api_key"])

    def connection(self, owner: Caller) -> str:
        """Have a connection asked for, with a bank that is nowhere."""
        return asyncio.run(connect(self.settings, self.dsn, owner.id))

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()


async def join(
    settings: Settings, dsn: str, email: str, role: str, password: str = PASSWORD
) -> None:
    """Register somebody in any role, as the command line does."""
    user_id, passwords = new_id(), passwords_of(settings)
    command = RegisterUser(
        user_id=user_id,
        email=Private(email, user_id),
        email_claim=email_claim(settings.core.index_key, email),
        full_name=Private(f"Some {role}", user_id),
        role=role,
        origin="cli",
        password_hash=await passwords.hashed(password),
        data_key_id=new_id(),
    )
    passwords.close()
    async with open_books(settings, dsn) as books:
        await books.ledger.handle(command, Context(actor=SYSTEM, correlation_id=new_id()))


async def connect(settings: Settings, dsn: str, user_id: str) -> str:
    """Ask for a connection of somebody with a new bank."""
    bank_id, branch_id, connection_id = new_id(), new_id(), new_id()
    number = next(NUMBERS)
    commands = (
        RegisterBank(
            bank_id=bank_id, name=f"Nowhere {number}", code=f"NOWHERE_{number}", country="GB",
            provider="monzo",
        ),
        AddBranch(bank_id=bank_id, branch_id=branch_id, name="Main", country="GB"),
        RequestConnection(
            connection_id=connection_id, user_id=user_id, bank_id=bank_id,
            bank_branch_id=branch_id, username=Private("somebody", user_id), sync_frequency=3_600,
        ),
    )  # fmt: skip
    async with open_books(settings, dsn) as books:
        for command in commands:
            await books.ledger.handle(command, Context(actor=SYSTEM, correlation_id=new_id()))
    return connection_id


@contextmanager
def opened(dsn: str, folder: Path, redis_url: str | None = None) -> Iterator[House]:
    """Open the bank for the length of the block."""
    with ExitStack() as stack:
        place = {"DATABASE_URL": dsn, "DATA_DIR": str(folder)}
        settings = [read_settings({**SETTINGS, **keys, **place}) for keys in KEYS]
        ports = [stack.enter_context(server(each, dsn, redis_url)) for each in settings]
        stack.enter_context(followed(dsn))
        house = House(dsn, ports, settings[0])
        yield house
        for client in house.clients:
            client.close()


@contextmanager
def server(
    settings: Settings, dsn: str, redis_url: str | None = None, port: int = 0
) -> Iterator[int]:
    """Serve the product as it is on a loopback port, a free one unless told; give the port."""
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", port)) as listener:

        async def run() -> None:
            async with open_app(settings, dsn, redis_url) as app:
                running = Server(server_config(app, "127.0.0.1", 0, Wire()))
                ready.set_result(running)
                await running.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        running = ready.result(20)
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the server stops when told to"
