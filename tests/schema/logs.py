"""A log to try things on: stores over a database, commands to append, an audit of the hashes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import psycopg

from ledger.append.ports import Decided, Head, Turn
from ledger.decisions.view import ClaimChange, PrivateRow
from ledger.events.account import AccountCredited, AccountOpened
from ledger.events.event import Event, Sealed
from ledger.events.recorded import SYSTEM, Metadata
from ledger.identity import new_id
from schema.postgres import open_pool
from schema.store import LogStore

NOW = "2026-03-05T09:30:00.000000Z"
Line = tuple[str, int, Event]
Story = Callable[[LogStore], Awaitable[None]]


def story(tell: Story) -> Callable[[str], None]:
    """Make a test of a database out of a story of a store."""

    async def play(dsn: str) -> None:
        async with opened(dsn) as store:
            await tell(store)

    def test(database: str) -> None:
        asyncio.run(play(database))

    return test


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[LogStore]:
    """Open a store with a pool of its own."""
    pool = await open_pool(dsn, 2, "ledgerbank_app")
    store = LogStore(dsn, pool)
    try:
        yield store
    finally:
        await store.close()
        await pool.close()


async def append(store: LogStore, head: Head, *commands: Decided) -> Head:
    """Append a batch on top of `head`; return the head after it."""
    staged = store.stage(head)
    for each in commands:
        staged.add(each)
    await store.commit(staged)
    return staged.head


async def write(store: LogStore, turn: Turn, *commands: Decided) -> Head:
    """Write a batch under the locked head; return the head after it."""
    staged = store.stage(turn.head)
    for each in commands:
        staged.add(each)
    await turn.append(staged)
    return staged.head


def decided(
    *events: Line,
    scope: str = "",
    key: str | None = None,
    claims: dict[tuple[str, str], ClaimChange] | None = None,
    rows: tuple[PrivateRow, ...] = (),
    now: str = NOW,
    request_hash: bytes | None = None,
    answer: bytes | None = None,
    answer_key: str | None = None,
) -> Decided:
    """Return a decided command; without a key it is named by its own id."""
    command_id = new_id()
    return Decided(
        command_id=command_id,
        scope=scope,
        key=command_id if key is None else key,
        request_hash=request_hash,
        metadata=Metadata(actor=SYSTEM, correlation_id="req_test"),
        now=now,
        events=events,
        claims=claims or {},
        rows=rows,
        answer=answer,
        answer_key=answer_key,
    )


def account() -> str:
    """Return a new account's stream."""
    return f"account-{new_id()}"


def opening(stream: str) -> Line:
    """Open an account: version 1."""
    event = AccountOpened(
        user_id=new_id(),
        currency="USD",
        account_type="CHECKING",
        account_name=Sealed("b3BhcXVl", new_id()),
        last_four="4711",
        credit_limit=0,
    )
    return stream, 1, event


def credit(stream: str, version: int, balance_after: int, amount: int = 1) -> Line:
    """Credit an account."""
    event = AccountCredited(
        posting_id=new_id(), entry_id=new_id(), amount=amount, balance_after=balance_after
    )
    return stream, version, event


def credited(stream: str, times: int) -> list[Line]:
    """Return the life of an account: opened, then credited 1, 2, 3 … minor units."""
    balances = [n * (n + 1) // 2 for n in range(1, times + 1)]
    return [opening(stream), *(credit(stream, n + 1, b, n) for n, b in enumerate(balances, 1))]


def audited(dsn: str) -> list[tuple[Any, ...]]:
    """Return (position, stream, version, command) of all events, having checked every hash.

    Positions have no holes; the chain begins at SHA-256("ledgerbank") and ends at the head.
    """
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(EVENTS).fetchall()
        head = connection.execute("SELECT position, chain_hash FROM log.head").fetchone()
    chain = sha256(b"ledgerbank").digest()
    for expected, (position, _, _, _, data, content, link) in enumerate(rows, 1):
        assert position == expected, "a hole in the log"
        assert content == sha256(b"\0" + position.to_bytes(8, "big") + data).digest()
        chain = sha256(chain + content).digest()
        assert link == chain
    assert head == (len(rows), chain)
    return [row[:4] for row in rows]


def kill(dsn: str, pid: int) -> None:
    """End a connection from the server's side, and wait until it is gone."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


EVENTS = """
SELECT position, stream_id, version, command_id::text, data, content_hash, chain_hash
FROM log.events ORDER BY position
"""
