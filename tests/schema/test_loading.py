"""Loading: a stream is its history, whether it is read from the beginning or from a snapshot."""

from functools import reduce

import msgspec
import psycopg
import pytest

from ledger.aggregates.account_states import Open, Unopened
from ledger.append.memory import moved_on, unheard_of
from ledger.commands.asked import Loaded
from ledger.identity import new_id
from schema.store import LogStore
from tests.schema.logs import NOW, account, append, credit, credited, decided, story

LATER = "2026-03-05T09:30:01.000000Z"


async def loaded(store: LogStore, stream: str) -> Loaded:
    found = (await store.fetch([stream])).entries[stream]
    assert isinstance(found, Loaded)
    return found


def names(store: LogStore) -> list[tuple[str, int]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute("SELECT name, version FROM log.snapshots ORDER BY 2").fetchall()


@story
async def test_a_stream_nobody_wrote_is_at_its_beginning(store: LogStore) -> None:
    stream = account()
    found = await loaded(store, stream)
    assert (found.version, found.state) == (0, Unopened())
    assert found == unheard_of(stream)


@pytest.mark.parametrize("kept_at", [1, 2, 30, 31])
def test_a_snapshot_and_its_tail_are_the_whole_history(database: str, kept_at: int) -> None:
    @story
    async def tell(store: LogStore) -> None:
        stream, other = account(), account()
        life = credited(stream, 30)
        head = await append(store, await store.head(), decided(*life[:kept_at]))
        early = await loaded(store, stream)
        await store.save_snapshot(stream, early)
        rest = [decided(line, now=LATER) for line in [*life[kept_at:], *credited(other, 1)]]
        await append(store, head, *rest)
        history = [e for e in await store.follow(0) if e.envelope.stream_id == stream]
        whole = reduce(moved_on, history, unheard_of(stream))
        assert names(store) == [(names(store)[0][0], kept_at)]
        assert await loaded(store, stream) == whole
        assert (whole.version, whole.state.balance, whole.inserted_at) == (31, 465, NOW)
        assert whole.updated_at == (NOW if kept_at == 31 else LATER)

    tell(database)


@story
async def test_what_is_before_a_snapshot_is_not_read_again(store: LogStore) -> None:
    stream = account()
    head = await append(store, await store.head(), decided(*credited(stream, 3)))
    honest = await loaded(store, stream)
    assert isinstance(honest.state, Open)
    richer = msgspec.structs.replace(honest.state, balance=1_000)
    await store.save_snapshot(stream, msgspec.structs.replace(honest, state=richer))
    await append(store, head, decided(credit(stream, 5, 1_001)))
    assert (await loaded(store, stream)).state.balance == 1_001


@story
async def test_a_newer_snapshot_replaces_the_older_ones(store: LogStore) -> None:
    stream = account()
    head = await append(store, await store.head(), decided(*credited(stream, 2)))
    early = await loaded(store, stream)
    await append(store, head, decided(credit(stream, 4, 4)))
    late = await loaded(store, stream)
    for each in (early, late, late):
        await store.save_snapshot(stream, each)
    assert [version for _, version in names(store)] == [4]
    assert await loaded(store, stream) == late


@story
async def test_a_snapshot_of_another_shape_is_not_found(store: LogStore) -> None:
    stream = account()
    await append(store, await store.head(), decided(*credited(stream, 2)))
    whole = await loaded(store, stream)
    with psycopg.connect(store.dsn) as connection:
        for version, name in ((2, "account.0123456789abcdef"), (3, "library:account")):
            row = (stream, version, name, b"another shape")
            connection.execute("INSERT INTO log.snapshots VALUES (%s, %s, %s, %s)", row)
    assert await loaded(store, stream) == whole


@story
async def test_many_streams_and_claims_come_together(store: LogStore) -> None:
    known, unknown, claim = account(), f"user-{new_id()}", "claim:email:nobody"
    head = await append(store, await store.head(), decided(*credited(known, 1)))
    fetched = await store.fetch([known, unknown, claim])
    assert fetched.position == head.position
    assert set(fetched.entries) == {known, unknown, claim}
    assert fetched.entries[known].version == 2
    assert fetched.entries[unknown].version == 0
