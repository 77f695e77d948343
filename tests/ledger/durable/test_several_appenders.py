"""Several processes append at once, two of them on one hot account: all make progress."""

import asyncio
import subprocess
import sys

import psycopg
import pytest

from schema.append import chained, content_hash
from tests.ledger.durable.bank import (
    BY_SYSTEM,
    balance,
    join,
    ledger_on,
    open_account,
    transfer,
)
from tests.ledger.durable.hammer import hammer


def test_two_appenders_on_one_hot_account_lose_nothing(database: str) -> None:
    async def story() -> None:
        async with ledger_on(database) as first:
            writer = await join(first)
            hot = await open_account(first, writer, 100_00)
            cold = await open_account(first, writer, 0)
            outcomes = await asyncio.gather(
                hammer(database, hot, cold, writer), hammer(database, hot, cold, writer)
            )
            accepted = sum(each for each, _ in outcomes)
            assert accepted == 100
            assert all(each > 0 for each, _ in outcomes), "both make progress"
            assert await balance(first, hot) == 0
            assert await balance(first, cold) == 100_00

    asyncio.run(story())
    check_chain(database)


def test_processes_of_their_own_agree_too(database: str) -> None:
    async def before() -> tuple[str, str, str]:
        async with ledger_on(database) as ledger:
            writer = await join(ledger)
            hot = await open_account(ledger, writer, 50_00)
            return hot, await open_account(ledger, writer, 0), writer

    hot, cold, writer = asyncio.run(before())
    command = [sys.executable, "-m", "tests.ledger.durable.hammer", database, hot, cold, writer]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    counts = [process.communicate(timeout=100)[0].split() for process in processes]
    assert sum(int(accepted) for accepted, _ in counts) == 50

    async def after() -> tuple[int, int]:
        async with ledger_on(database) as ledger:
            return await balance(ledger, hot), await balance(ledger, cold)

    assert asyncio.run(after()) == (0, 50_00)
    check_chain(database)


@pytest.mark.parametrize("order", ["there first", "back first"])
def test_opposite_transfers_neither_deadlock_nor_lose_money(database: str, order: str) -> None:
    async def story() -> None:
        async with ledger_on(database) as ledger:
            writer = await join(ledger)
            one = await open_account(ledger, writer, 10_00)
            two = await open_account(ledger, writer, 10_00)
            pairs = [(one, two), (two, one)]
            if order == "back first":
                pairs.reverse()
            moves = [ledger.handle(transfer(*pair, writer), BY_SYSTEM) for pair in pairs * 40]
            await asyncio.gather(*moves, return_exceptions=True)
            assert await balance(ledger, one) + await balance(ledger, two) == 20_00

    asyncio.run(story())


def check_chain(dsn: str) -> None:
    """Positions are contiguous, and every hash follows from the bytes and the one before."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT position, data, content_hash, chain_hash FROM log.events ORDER BY position"
        ).fetchall()
        head = connection.execute("SELECT position, chain_hash FROM log.head").fetchone()
        [start] = connection.execute("SELECT sha256('ledgerbank')").fetchone() or [b""]
    chain = start
    for expected, (position, data, content, link) in enumerate(rows, start=1):
        assert position == expected
        assert content == content_hash(position, data)
        chain = chained(chain, content)
        assert link == chain
    assert head == (len(rows), chain)
