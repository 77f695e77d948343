"""A bank that people can sign in to: the real ledger behind the real edge, in a thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from time import time
from typing import Any

import psycopg
from uvicorn import Server

from api.app import create_app
from api.asgi import App
from api.asking import Desk
from api.callers import Authenticate, nobody
from api.commands import auth as auth_commands
from api.commands.payments import Watch
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
from api.reading import Reading
from api.throttle import Throttle
from api.token_keys import signing_key
from api.tokens import TokenKeys
from api.wire import Wire
from api.witness import Witness
from ledger.application import Ledger
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

    def __init__(self, dsn: str, served: Served, offset: list[int]) -> None:
        self.dsn, self.served, self.offset = dsn, served, offset

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


class House:
    """What one process of the bank is made of, on the loop it runs on."""

    def __init__(
        self, dsn: str, offset: list[int], cost: Cost, more: Iterable[Endpoint] = ()
    ) -> None:
        self.dsn, self.offset, self.cost, self.more = dsn, offset, cost, tuple(more)
        self.starred = True
        self.uses: dict[type, Any] = {}
        self.authenticate: Authenticate = nobody

    def app(self) -> App:
        endpoints = (
            *auth_commands.ENDPOINTS,
            *auth_queries.ENDPOINTS,
            *user_endpoints(Lengths()),
            *audit_queries.ENDPOINTS,
            *self.more,
        )
        return create_app(endpoints, self.uses, authenticate=self.authenticate)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Ledger]:
        pool = await open_pool(self.dsn, 16, "ledgerbank_app")
        store = LogStore(self.dsn, pool)
        keks = KeyEncryptionKeys(WRAPPING_KEYS)
        vault = KeyVault(pool, keks, INDEX_KEY)
        env = {"PERSISTENCE_MODULE": "schema.recorder", "LEDGER_DSN": self.dsn}
        ledger = Ledger(env, store, vault, RULES)
        await ledger.start()
        tokens = TokenKeys(signing_key(secret=SECRET, kid="k"))
        passwords = Passwords(self.cost, threads=2)
        clock = lambda: int(time()) + self.offset[0]  # noqa: E731 - a clock in one line
        self.authenticate = Authenticator(tokens=tokens, pool=pool, clock=clock).authenticate
        reached = Reached(pool)
        self.uses |= {
            Freshness: Freshness(head=reached.head, checkpoints=reached, epoch="ab12"),
            Desk: Desk(handle=ledger.handle, epoch="ab12", secret=b"s" * 32),
            Watch: Watch(ledger.current, ledger.reading),
            Gate: Gate(
                tokens=tokens,
                passwords=passwords,
                throttle=Throttle(pool),
                pool=pool,
                index_key=INDEX_KEY,
                clock=clock,
            ),
        }
        notebook = Notebook(ledger.handle)
        self.uses |= {
            Notebook: notebook,
            Sees: Witness(notebook, vault.digest, starred=self.starred),
            Reading: Reading(
                pool=pool, rules=RULES, cursors=Cursors(b"c" * 32), digest=vault.digest
            ),
        }
        async with notebook.kept():
            yield ledger
        await ledger.stop()
        await store.close()
        await pool.close()
        passwords.close()


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
    dsn: str,
    cost: Cost = CHEAP,
    offset: list[int] | None = None,
    *,
    more: Iterable[Endpoint] = (),
    starred: bool = True,
) -> Iterator[Bank]:
    """Serve a bank on a free loopback port for as long as the block runs."""
    house = House(dsn, [0] if offset is None else offset, cost, more)
    house.starred = starred
    ready: Future[Server] = Future()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def run() -> None:
            async with house.open():
                server = Server(server_config(house.app(), "127.0.0.1", 0, Wire()))
                ready.set_result(server)
                await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        server, served = ready.result(10), Served(listener.getsockname()[1])
        try:
            yield Bank(dsn, served, house.offset)
        finally:
            served.client.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the bank closes when told to"


CHECKPOINT = "SELECT min(position) FROM read.checkpoints WHERE projection = ANY(%s)"
