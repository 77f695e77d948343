"""A bank that people can sign in to: the real ledger behind the real edge, in a thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from time import time
from typing import Any

import msgspec
import psycopg
import uvloop
from uvicorn import Server

from api.app import create_app
from api.asgi import App
from api.asking import Desk
from api.callers import Authenticate, nobody
from api.commands import auth as auth_commands
from api.commands import sessions as session_commands
from api.commands.payments import Watch
from api.commands.profile import ENDPOINTS as PROFILE
from api.commands.users import user_endpoints
from api.consistency import Freshness
from api.edge import Sees
from api.endpoint import Endpoint
from api.gate import Gate
from api.notebook import Notebook
from api.passwords import Cost, Lengths, Passwords
from api.principals import Authenticator
from api.queries import audit as audit_queries
from api.queries import auth as auth_queries
from api.queries import users as user_queries
from api.rate_counter import RedisCounter
from api.rate_limits import Policies, RateLimits
from api.reading import Reading
from api.throttle import Patience, Throttle
from api.token_keys import signing_key
from api.tokens import TokenKeys
from api.wire import Wire
from api.witness import Witness
from ledger.application import Ledger
from ledger.commands.command import Command, Context
from ledger.events.recorded import SYSTEM
from ledger.policies.limits import Rules
from ops.server import server_config
from projections import audit_log, users
from projections.cursors import Cursors
from projections.runner import Runner
from schema.postgres import Pool, open_pool
from schema.seals import KeyEncryptionKeys
from schema.store import LogStore
from schema.vault import KeyVault
from tests.api.serving import Served

INDEX_KEY, WRAPPING_KEYS = b"i" * 32, {"k1": b"w" * 32}
SECRET = "the secret of a bank that only tests know"
RULES = Rules(daily_limits={}, daily_limit_default=Decimal(1_000), single_limit=Decimal(10_000))
PASSWORD = "correct horse battery staple"
CHEAP = Cost(memory_kib=8, time_cost=1)


class Bank:
    """`url` for a second process on the same books; `now` is the time that tokens are judged by."""

    def __init__(self, house: "House", served: Served) -> None:
        self.dsn, self.served, self.offset = house.dsn, served, house.offset
        self.house = house

    def ask(self, command: Command) -> None:
        """Have a command carried out as the system's own."""
        assert self.house.ledger is not None, "the house is open"
        context = Context(actor=SYSTEM, correlation_id="test")
        self.house.ledger.handle_blocking(command, context)

    def pass_seconds(self, seconds: int) -> None:
        """Let time pass for tokens."""
        self.offset[0] += seconds

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []


class Reached:
    """How far the read models have come, asked of the database while somebody waits."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.positions: dict[tuple[str, ...], int] = {}

    async def head(self) -> int:
        return await self.ask("SELECT position FROM log.head")

    async def ask(self, question: str, *values: object) -> int:
        async with self.pool.connection() as connection:
            row = await (await connection.execute(question.encode(), values)).fetchone()
        assert row is not None
        return int(row[0])

    def reached(self, projections: tuple[str, ...]) -> int:
        return self.positions.get(projections, 0)

    def stopped(self, projections: tuple[str, ...]) -> bool:
        assert projections
        return False

    async def wait(self, projections: tuple[str, ...], position: int, seconds: float) -> bool:
        for _ in range(int(seconds * 100)):
            reached = await self.ask(CHECKPOINT, list(projections))
            self.positions[projections] = reached
            if reached >= position:
                return True
            await asyncio.sleep(0.01)
        return False


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a test may choose about a bank; requests are limited where a store counts them."""

    cost: Cost = CHEAP
    passwords: Callable[[Cost, int], Passwords] = Passwords
    patience: Patience = Patience()
    counted_at: str | None = None
    policies: Policies = Policies()
    more: tuple[Endpoint, ...] = ()
    starred: bool = True


class House:
    """What one process of the bank is made of, on the loop it runs on."""

    def __init__(self, dsn: str, offset: list[int], parts: "Parts") -> None:
        self.dsn, self.offset, self.parts = dsn, offset, parts
        self.uses: dict[type, Any] = {}
        self.authenticate: Authenticate = nobody
        self.ledger: Ledger | None = None

    def app(self) -> App:
        endpoints = (
            *auth_commands.ENDPOINTS,
            *session_commands.ENDPOINTS,
            *auth_queries.ENDPOINTS,
            *user_endpoints(Lengths()),
            *PROFILE,
            *user_queries.ENDPOINTS,
            *audit_queries.ENDPOINTS,
            *self.parts.more,
        )
        return create_app(endpoints, self.uses, authenticate=self.authenticate)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ledger]:
        pool = await open_pool(self.dsn, 16, "ledgerbank_app")
        store = LogStore(self.dsn, pool)
        keks = KeyEncryptionKeys(WRAPPING_KEYS)
        vault = KeyVault(pool, keks, INDEX_KEY)
        env = {"PERSISTENCE_MODULE": "schema.recorder", "LEDGER_DSN": self.dsn}
        self.ledger = ledger = Ledger(env, store, vault, RULES)
        await ledger.start()
        tokens = TokenKeys(signing_key(secret=SECRET, kid="k"))
        passwords = self.parts.passwords(self.parts.cost, 2)
        counter = None if self.parts.counted_at is None else RedisCounter(self.parts.counted_at)
        if counter is not None:
            self.uses[RateLimits] = RateLimits(counter, self.parts.policies, INDEX_KEY)
        clock = lambda: int(time()) + self.offset[0]  # noqa: E731 - a clock in one line
        self.authenticate = Authenticator(tokens=tokens, pool=pool, clock=clock).authenticate
        reached = Reached(pool)
        self.uses |= {
            Freshness: Freshness(head=reached.head, checkpoints=reached, epoch="ab12"),
            Desk: Desk(handle=ledger.handle, epoch="ab12", secret=b"s" * 32),
            Watch: Watch(ledger.current, ledger.reading),
            Reading: Reading(
                pool=pool,
                rules=RULES,
                cursors=Cursors(b"c" * 32),
                digest=vault.digest,
                keks=keks,
            ),
            Gate: Gate(
                tokens=tokens,
                passwords=passwords,
                throttle=Throttle(pool, self.parts.patience),
                pool=pool,
                index_key=INDEX_KEY,
                clock=clock,
            ),
        }
        notebook = Notebook(ledger.handle)
        self.uses |= {
            Notebook: notebook,
            Sees: Witness(notebook, vault.digest, starred=self.parts.starred),
        }
        async with notebook.kept():
            yield ledger
        await ledger.stop()
        await store.close()
        await pool.close()
        passwords.close()
        if counter is not None:
            await counter.close()


@contextmanager
def followed(dsn: str) -> Iterator[None]:
    """Keep what is read about people up to date for as long as the block runs."""
    projectors = [users.PROJECTOR, audit_log.PROJECTOR]
    runner = Runner(dsn, projectors, KeyEncryptionKeys(WRAPPING_KEYS), "bank")
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(10)


@contextmanager
def opened(
    dsn: str, cost: Cost = CHEAP, offset: list[int] | None = None, parts: Parts | None = None
) -> Iterator[Bank]:
    """Serve a bank on a free loopback port for as long as the block runs."""
    house = House(dsn, [0] if offset is None else offset, parts or Parts(cost=cost))
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            async with house.open():
                server = Server(server_config(house.app(), "127.0.0.1", 0, Wire()))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
        thread.start()
        server, served = ready.result(10), Served(listener.getsockname()[1])
        try:
            yield Bank(house, served)
        finally:
            served.client.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the bank closes when told to"


CHECKPOINT = "SELECT min(position) FROM read.checkpoints WHERE projection = ANY(%s)"
