"""A small town: its history folded into read models, and a server that shows them."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx2
import psycopg
import uvloop
from uvicorn import Server

from api.app import create_app
from api.asgi import Headers
from api.callers import Principal, bearer_token
from api.consistency import Freshness
from api.queries import (
    account_history,
    accounts,
    events,
    exports,
    holds,
    ledger,
    payments,
    projections,
    statements,
    transactions,
    transfers,
)
from api.reading import Reading
from api.wire import Wire
from ledger.identity import derived_id
from ledger.policies.limits import Rules
from ops.server import server_config
from projections.checkpoints import Checkpoints
from projections.cursors import Cursors
from schema.postgres import open_pool
from schema.vault import KeyVault
from tests.api.serving import Served
from tests.projections.conftest import followed, wait_for
from tests.projections.history import KEKS, History

INDEX_KEY, SECRET = b"i" * 32, b"c" * 32
ROBOT = derived_id("tests", "robot")
RULES = Rules(
    daily_limits={"CHECKING": Decimal(1_000), "SAVINGS": Decimal(500)},
    daily_limit_default=Decimal(2_000),
    single_limit=Decimal(10_000),
)
ENDPOINTS = (
    *accounts.ENDPOINTS,
    *statements.ENDPOINTS,
    *account_history.ENDPOINTS,
    *transactions.ENDPOINTS,
    *payments.ENDPOINTS,
    *transfers.ENDPOINTS,
    *holds.ENDPOINTS,
    *ledger.ENDPOINTS,
    *exports.ENDPOINTS,
    *events.ENDPOINTS,
    *projections.ENDPOINTS,
)


class Town:
    """Anna has CHECKING (USD), SAVINGS (JPY) and CREDIT (USD) accounts; Boris one in USD."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.history = dsn, History()
        told = self.history
        self.anna, self.boris = told.user("Anna Example"), told.user("Boris Example")
        self.ada, self.sue, self.audrey = (
            told.user(f"{role.capitalize()} Staff", role)
            for role in ("admin", "support", "auditor")
        )
        self.hers = told.account(self.anna)
        self.savings = told.account(self.anna, 5_000, "JPY", account_type="SAVINGS")
        self.credit = told.account(self.anna, 0, account_type="CREDIT", credit_limit=30_000)
        self.his = told.account(self.boris, 20_000)
        self.transfers = [
            told.transfer(self.hers, self.his, amount, text)
            for amount, text in ((100, "Rent"), (250, "RENT arrears"), (100, "Books"))
        ]
        self.transfers += [told.transfer(self.his, self.hers, 1_234, "Payback")]
        self.transfers += [told.transfer(self.hers, self.credit, 700, "Own pocket")]
        self.pending = told.payment(self.hers, 500, text="Shoes")
        self.processing = told.payment(self.hers, 600)
        self.completed = told.payment(self.hers, 700, text="Groceries 100%_off")
        self.failed = told.payment(self.hers, 800)
        self.cancelled = told.payment(self.hers, 900)
        self.incoming = told.payment(self.hers, 1_000, "CREDIT", "Salary")
        self.foreign = told.payment(self.savings, 1_100, text="Sushi")
        self.boris_pays = told.payment(self.his, 400)
        told.start(self.processing, self.hers, 600)
        told.start(self.completed, self.hers, 700)
        told.complete(self.completed, self.hers, 700)
        told.start(self.failed, self.hers, 800)
        told.fail(self.failed, self.hers, 800)
        told.cancel(self.cancelled)
        self.lapsed = told.hold(self.his, 2_500, expires_at="2025-04-01T00:00:00.000000Z")
        self.lasting = told.hold(self.his, 1_500, expires_at="2999-01-01T00:00:00.000000Z")
        self.settle()

    def settle(self) -> None:
        """Write what happened since and fold it into the read models."""
        head = self.history.write(self.dsn)
        with followed(self.dsn):
            wait_for(self.dsn, head)
        self.execute("UPDATE work.relay SET position = %s", head)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []

    def role_of(self, user_id: str) -> str:
        roles = {self.ada: "admin", self.sue: "support", self.audrey: "auditor"}
        return roles.get(user_id, "user")


class Desk:
    """Asks a town's server as one of its people, or as a robot with scopes."""

    def __init__(self, town: Town, served: Served) -> None:
        self.town, self.served = town, served

    def get(self, caller: str, path: str, headers: Any = None, **query: Any) -> httpx2.Response:
        """Ask as `caller`: an id, or `service:<scope>`."""
        known = caller.startswith("service:")
        token = caller if known else f"{self.town.role_of(caller)}:{caller}"
        headers = {"authorization": f"Bearer {token}", **(headers or {})}
        return self.served.request("GET", path, headers=headers, params=query)

    def data(self, caller: str, path: str, **query: Any) -> Any:
        answer = self.get(caller, path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def reason(self, caller: str, path: str, **query: Any) -> tuple[int, str]:
        answer = self.get(caller, path, **query)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.status_code == problem["status"]
        return answer.status_code, problem["reason"]


async def authenticate(headers: Headers, *, fresh: bool = True) -> Principal:
    """Believe a token that says `<role>:<id>`, or `service:<scope>`."""
    assert fresh, "a question is never answered from memory alone"
    role, _, told = bearer_token(headers).partition(":")
    if role == "service":
        return Principal(kind="service", id=ROBOT, role="service", scopes=frozenset({told}))
    return Principal(kind="user", id=told, role=role)


@contextmanager
def opened(town: Town) -> Iterator[Desk]:
    """Serve a town on a free loopback port for as long as the block runs."""
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            pool = await open_pool(town.dsn, 4, "ledgerbank_app")
            vault = KeyVault(pool, KEKS, INDEX_KEY)
            reading = Reading(
                pool=pool,
                rules=RULES,
                cursors=Cursors(SECRET),
                digest=vault.digest,
                keks=KEKS,
            )
            async with pool, Checkpoints(town.dsn, pool) as checkpoints:
                head = await checkpoints.current()
                freshness = Freshness(
                    head=checkpoints.head, checkpoints=checkpoints, epoch=head.epoch, wait_ms=300
                )
                uses: dict[type, Any] = {Reading: reading, Freshness: freshness}
                app = create_app(ENDPOINTS, uses, authenticate=authenticate)
                server = Server(server_config(app, "127.0.0.1", 0, Wire()))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
        thread.start()
        server, served = ready.result(10), Served(listener.getsockname()[1])
        try:
            yield Desk(town, served)
        finally:
            served.client.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the server stops when told to"
