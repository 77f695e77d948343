"""A house of money: the whole deployment's routes over a real ledger, believed tokens, a clock."""

import asyncio
import base64
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx2
import psycopg
from uvicorn import Server

from api.app import create_app
from api.asgi import Headers
from api.callers import Principal, bearer_token
from api.gate import Gate
from api.rates import Rates
from api.wire import Wire
from ledger.application import Ledger
from ledger.commands.account import OpenAccount
from ledger.commands.command import Command, Context
from ledger.commands.service_account import CreateServiceAccount
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import derived_id, new_id
from ledger.policies.access import SCOPES
from ops.composition import open_books
from ops.http import endpoints_of, uses_of
from ops.rates import BUILT_IN
from ops.readmodels import runner
from ops.server import server_config
from ops.settings import read_settings
from projections.checkpoints import Checkpoints
from tests.api.serving import Served

KEY = base64.b64encode(b"k" * 32).decode()
ENVIRONMENT = {
    "LEDGERBANK_ENV": "test",
    "SECRET_KEY_BASE": "a secret key base of a house of money",
    "JWT_SECRET": "a secret of tokens that nobody here signs",
    "INDEX_KEY": KEY,
    "DATA_KEY_ENCRYPTION_KEYS": f"k1:{KEY}",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
ROBOT = derived_id("tests", "robot of the house")
ROBOT_WRITES, ROBOT_READS, ROBOT_HOLDS = (
    f"service:{scope}" for scope in ("transfers:write", "ledger:read", "holds:write")
)
NUMBERS = count(1)
MONEY: tuple[str, ...] = ("USD", "EUR", "JPY", "BHD", "CLF")


class House:
    """Anna and Boris are customers; Ada is an admin, Sue support, Audrey an auditor."""

    def __init__(self, dsn: str, served: Served, ledger: Ledger, uses: dict[type, Any]) -> None:
        self.dsn, self.served, self.ledger, self.uses = dsn, served, ledger, uses
        self.roles: dict[str, str] = {}
        self.anna, self.boris = self.person(), self.person()
        self.ada, self.sue, self.audrey = map(self.person, ("admin", "support", "auditor"))
        self.tell(
            CreateServiceAccount(
                service_id=ROBOT,
                name="Robot",
                scopes=tuple(SCOPES),
                key_prefix="lbk_robot",
                key_hash=bytes(32),
                data_key_id=new_id(),
            )
        )

    def person(self, role: str = "user") -> str:
        """Let somebody join; return their id."""
        user_id = new_id()
        self.tell(
            RegisterUser(
                user_id=user_id,
                email=Private(f"{user_id}@example.com", user_id),
                email_claim=user_id,
                full_name=Private("Somebody", user_id),
                role=role,
                password_hash="$argon2id$",
                data_key_id=new_id(),
            )
        )
        self.roles[user_id] = role
        return user_id

    def account(
        self, owner: str, opening: int = 100_000, currency: str = "USD", **terms: Any
    ) -> str:
        """Open an account; return its id. The opening balance is in minor units."""
        account_id = new_id()
        self.tell(
            OpenAccount(
                account_id=account_id,
                user_id=owner,
                currency=currency,
                account_name=Private("Everyday", owner),
                last_four="1234",
                opening_balance=opening,
                opening_posting_id=new_id(),
                **({"account_type": "CHECKING"} | terms),
            )
        )
        return account_id

    def tell(self, command: Command) -> None:
        self.ledger.handle_blocking(command, Context(actor=SYSTEM, correlation_id="req_tests"))

    def ask(
        self, caller: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """Ask as a person, or as the robot with a scope (`service:<scope>`)."""
        known = caller.startswith("service:")
        token = caller if known else f"{self.roles[caller]}:{caller}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked: dict[str, Any] = {"headers": {"authorization": f"Bearer {token}", **named}}
        if body is not None:
            asked["json"] = body
        return self.served.request(method, path, **asked)

    def post(self, caller: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return self.ask(caller, "POST", path, {} if body is None else body, **headers)

    def made(self, caller: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.post(caller, path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def data(self, caller: str, path: str) -> Any:
        answer = self.ask(caller, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def reason(self, answer: httpx2.Response) -> tuple[int, str]:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.status_code == problem["status"]
        return answer.status_code, problem["reason"]

    def balance(self, account_id: str) -> str:
        return str(self.data(self.audrey, f"/api/accounts/{account_id}/balance")["balance"])

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []

    def books_balance(self) -> None:
        for currency in self.data(self.audrey, "/api/ledger/trial-balance"):
            assert currency["balanced"] is True, currency

    @contextmanager
    def rates(self, rates: Rates) -> Iterator[None]:
        """Exchange by other rates for the length of the block."""
        usual = self.uses[Rates]
        self.uses[Rates] = rates
        try:
            yield
        finally:
            self.uses[Rates] = usual


def transfer(source: str, destination: str, amount: str = "10.00", **fields: Any) -> dict[str, Any]:
    """Return the body of a transfer."""
    return {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": amount,
        "description": f"moved {next(NUMBERS)}",
    } | fields


async def authenticate(headers: Headers, *, fresh: bool = True) -> Principal:
    """Believe a token that says `<role>:<id>`, or `service:<scope>`."""
    assert isinstance(fresh, bool)
    role, _, told = bearer_token(headers).partition(":")
    if role == "service":
        scopes = frozenset({told})
        return Principal(kind="service", id=ROBOT, role="service", session_version=1, scopes=scopes)
    return Principal(kind="user", id=told, role=role)


@contextmanager
def opened(dsn: str) -> Iterator[House]:
    """Serve a house on a free loopback port, its read models in step, for the length of a block."""
    settings = read_settings({**ENVIRONMENT, "DATABASE_URL": dsn})
    ready: Future[tuple[Server, Ledger, dict[type, Any]]] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            async with (
                open_books(settings, dsn) as books,
                Checkpoints(dsn, books.pool) as checkpoints,
            ):
                nobody: Any = None
                uses = {**uses_of(settings, books, checkpoints, nobody), Rates: Rates(built_in)}
                del uses[Gate]
                app = create_app(endpoints_of(settings), uses, authenticate=authenticate)
                server = Server(server_config(app, "127.0.0.1", 0, Wire()))
                ready.set_result((server, books.ledger, uses))
                await server.serve(sockets=[listener])

        following = runner(settings, dsn)
        threads = [
            threading.Thread(target=lambda: asyncio.run(run()), daemon=True),
            threading.Thread(target=following.run, daemon=True),
        ]
        for thread in threads:
            thread.start()
        server, ledger, uses = ready.result(10)
        served = Served(listener.getsockname()[1])
        try:
            yield House(dsn, served, ledger, uses)
        finally:
            served.client.close()
            server.should_exit = True
            following.stop()
            for thread in threads:
                thread.join(10)
                assert not thread.is_alive(), "the house closes when told to"


built_in: Callable[[], Any] = lambda: BUILT_IN  # noqa: E731 - a table that never changes
