"""Outages: an append whose connection broke is told apart from one that wrote nothing."""

import asyncio

import pytest

from ledger.append.ports import OutcomeUnknown, Unavailable
from schema.store import LogStore
from tests.schema.logs import account, append, audited, decided, kill, opened, opening, story, write


@story
async def test_an_idle_connection_that_was_killed(store: LogStore) -> None:
    head = await append(store, await store.head(), decided(opening(account())))
    kill(store.dsn, await pid_of(store))
    lost = decided(opening(account()))
    with pytest.raises(OutcomeUnknown):
        await append(store, head, lost)
    assert await store.find([("", lost.command_id)]) == {}
    await append(store, await store.head(), lost)
    assert len(audited(store.dsn)) == 2


@story
async def test_an_append_killed_while_it_waits_for_the_head(store: LogStore) -> None:
    command = decided(opening(account()))
    head = await store.head()
    pid = await pid_of(store)
    async with opened(store.dsn) as other, other.turn():
        appending = asyncio.create_task(append(store, head, command))
        await asyncio.sleep(0.1)
        kill(store.dsn, pid)
        with pytest.raises(OutcomeUnknown):
            await appending
    assert await store.find([("", command.command_id)]) == {}
    await append(store, head, command)
    assert len(audited(store.dsn)) == 1


@story
async def test_a_turn_killed_before_it_wrote_wrote_nothing(store: LogStore) -> None:
    async def turn_and_read() -> None:
        async with store.turn() as turn:
            kill(store.dsn, await pid_of(store))
            await turn.follow(0)

    with pytest.raises(Unavailable):
        await turn_and_read()
    await append(store, await store.head(), decided(opening(account())))
    assert len(audited(store.dsn)) == 1


@story
async def test_a_turn_killed_as_it_wrote_may_have_written(store: LogStore) -> None:
    async def turn_and_write() -> None:
        async with store.turn() as turn:
            kill(store.dsn, await pid_of(store))
            await write(store, turn, decided(opening(account())))

    with pytest.raises(OutcomeUnknown):
        await turn_and_write()
    await append(store, await store.head(), decided(opening(account())))
    assert len(audited(store.dsn)) == 1


@story
async def test_readers_outlive_a_killed_connection(store: LogStore) -> None:
    async with store.pool.connection() as connection:
        pid = connection.info.backend_pid
    kill(store.dsn, pid)
    assert (await store.head()).position == 0
    assert await store.follow(0) == []


@story
async def test_a_server_out_of_reach_is_unavailable(store: LogStore) -> None:
    nowhere = LogStore("host=/nowhere dbname=none", store.pool)
    head = await nowhere.head()
    with pytest.raises(Unavailable):
        await append(nowhere, head, decided(opening(account())))
    with pytest.raises(Unavailable):
        async with nowhere.turn():
            pass
    await store.pool.close()
    for read in (nowhere.head(), nowhere.follow(0), nowhere.fetch([account()]), nowhere.find([])):
        with pytest.raises(Unavailable):
            await read


async def take_a_turn(store: LogStore, pause: float = 0.0) -> None:
    async with store.turn() as turn:
        await asyncio.sleep(pause)
        await write(store, turn, decided(opening(account())))


@story
async def test_a_database_that_turned_read_only_is_unavailable(store: LogStore) -> None:
    head = await store.head()
    await (await store.writer()).execute("SET default_transaction_read_only = on")
    with pytest.raises(Unavailable):
        await append(store, head, decided(opening(account())))
    with pytest.raises(Unavailable):
        await take_a_turn(store)


@story
async def test_a_turn_that_dawdles_loses_its_lock_and_writes_nothing(store: LogStore) -> None:
    await (await store.writer()).execute("SET idle_in_transaction_session_timeout = '50ms'")
    with pytest.raises(Unavailable):
        await take_a_turn(store, pause=0.3)
    await take_a_turn(store)
    assert len(audited(store.dsn)) == 1


async def pid_of(store: LogStore) -> int:
    return (await store.writer()).info.backend_pid
