"""A counter where money moves when a test says so: the real edge on the real ledger."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx2
import psycopg
from uvicorn import Server

from api.app import create_app
from api.asgi import Headers
from api.asking import Desk
from api.callers import Principal, bearer_token
from api.commands import accounts, holds, payments
from api.commands.payment_fields import PaymentDefaults
from api.wire import Wire
from ledger.application import Ledger
from ledger.commands.command import Context
from ledger.commands.service_account import CreateServiceAccount
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ledger.policies.limits import Rules
from ledger.times import later
from ops.server import server_config
from schema.postgres import open_pool
from schema.seals import KeyEncryptionKeys
from schema.store import LogStore
from schema.vault import KeyVault
from tests.api.serving import Served
from tests.builders import opening, registration

RULES = Rules(
    daily_limits={"CHECKING": Decimal(1_000)},
    daily_limit_default=Decimal(2_000),
    single_limit=Decimal(800),
)
ENDPOINTS = (*accounts.ENDPOINTS, *payments.ENDPOINTS, *holds.ENDPOINTS)
NUMBERS = count(1)
ROBOT = new_id()


class Counter:
    """`now` is the ledger's time; it only goes on. Callers are `<role>:<id>`."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.now = dsn, "2026-03-14T09:00:00.000000Z"
        self.ledger: Ledger
        self.served: Served

    def pass_seconds(self, seconds: int) -> None:
        self.now = later(self.now, timedelta(seconds=seconds))

    def at(self, time: str) -> None:
        """Go on to a time of this day, or of the next one when it is over."""
        day = self.now[:10]
        if f"{day}T{time}" < self.now:
            day = later(self.now, timedelta(days=1))[:10]
        self.now = f"{day}T{time}"

    def customer(self) -> str:
        """Register somebody; return them as a caller."""
        user_id = new_id()
        name = Private("Some Body", user_id)
        command = registration(
            user_id,
            email=name,
            full_name=name,
            data_key_id=new_id(),
            email_claim=f"claim {next(NUMBERS)}",
        )
        self.ledger.handle_blocking(command, Context(actor=SYSTEM, correlation_id="req_test"))
        return f"user:{user_id}"

    def account(self, owner: str, balance: int = 100_000, **terms: Any) -> str:
        """Open an account with so many minor units in it."""
        account_id, user_id = new_id(), owner.partition(":")[2]
        command = opening(
            account_id,
            user_id,
            account_name=Private("Everyday", user_id),
            opening_balance=balance,
            opening_posting_id=new_id(),
            **terms,
        )
        self.ledger.handle_blocking(command, Context(actor=SYSTEM, correlation_id="req_test"))
        return account_id

    def ask(
        self, caller: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["authorization"] = f"Bearer {caller}"
        asked = {} if body is None else {"json": body}
        return self.served.request(method, path, headers=named, **asked)

    def post(self, caller: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        return self.ask(caller, "POST", path, body, **headers)

    def payment(self, caller: str, account_id: str, amount: str = "10.00", **fields: Any) -> str:
        body = {
            "amount": amount,
            "direction": "DEBIT",
            "payment_type": "PAYMENT",
            "description": f"bought {next(NUMBERS)}",
            "user_bank_account_id": account_id,
        } | fields
        answer = self.post(caller, "/api/payments", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["id"])

    def process(self, caller: str, payment_id: str, **headers: str) -> str:
        """Start a payment; return its status, or the reason why not."""
        return told(self.post(caller, f"/api/payments/{payment_id}/process", **headers))

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()


def told(answer: httpx2.Response) -> str:
    """Return the status of what is shown, or the reason of a refusal."""
    document = answer.json()
    if answer.status_code >= 400:
        return str(document["reason"])
    data = document["data"]
    return str(data.get("status") or data["hold"]["status"])


def machine() -> CreateServiceAccount:
    """Return the wish for the robot, whose one scope is that of holds."""
    return CreateServiceAccount(
        service_id=ROBOT,
        name="Robot",
        scopes=("holds:write",),
        key_prefix="lbk_robot",
        key_hash=ROBOT.encode(),
        data_key_id=new_id(),
    )


async def authenticate(headers: Headers, *, fresh: bool = True) -> Principal:
    """Believe a token that says `<role>:<id>`; a service has all scopes of holds."""
    assert isinstance(fresh, bool)
    role, _, user_id = bearer_token(headers).partition(":")
    if role == "service":
        scopes = frozenset({"holds:write"})
        return Principal(kind="service", id=ROBOT, role="service", session_version=1, scopes=scopes)
    return Principal(kind="user", id=user_id, role=role)


@asynccontextmanager
async def running_ledger(counter: Counter) -> AsyncIterator[Ledger]:
    pool = await open_pool(counter.dsn, 8, "ledgerbank_app")
    store = LogStore(counter.dsn, pool)
    vault = KeyVault(pool, KeyEncryptionKeys({"k1": b"w" * 32}), b"i" * 32)
    env = {"PERSISTENCE_MODULE": "schema.recorder", "LEDGER_DSN": counter.dsn}
    ledger = Ledger(env, store, vault, RULES, lambda: counter.now)
    await ledger.start()
    yield ledger
    await ledger.stop()
    await store.close()
    await pool.close()


@contextmanager
def opened(dsn: str, *, auto: bool = False) -> Iterator[Counter]:
    """Serve on a free loopback port for as long as the block runs."""
    counter = Counter(dsn)
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            async with running_ledger(counter) as ledger:
                counter.ledger = ledger
                uses: dict[type, Any] = {
                    Rules: RULES,
                    Desk: Desk(handle=ledger.handle, epoch="ab12", secret=b"s" * 32),
                    PaymentDefaults: PaymentDefaults(auto=auto),
                }
                app = create_app(ENDPOINTS, uses, authenticate=authenticate)
                server = Server(server_config(app, "127.0.0.1", 0, Wire()))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        server = ready.result(10)
        counter.served = Served(listener.getsockname()[1])
        counter.ledger.handle_blocking(machine(), Context(actor=SYSTEM, correlation_id="req_test"))
        try:
            yield counter
        finally:
            counter.served.client.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the counter closes when told to"
