"""The append in SQL: a batch counts as a whole, once, on top of the head it was decided on."""

from typing import Any

import msgspec
import psycopg
import pytest

from ledger.append.ports import (
    Collided,
    Head,
    HeadMoved,
    Remembered,
)
from ledger.decisions.view import Claim, ClaimChange, PrivateRow
from ledger.identity import new_id
from schema.append import content_hash
from schema.codec import encode
from schema.store import LogStore
from tests.schema.logs import (
    NOW,
    account,
    append,
    audited,
    credit,
    credited,
    decided,
    opened,
    opening,
    story,
    write,
)

CLAIMS = {("email", "k"): ClaimChange(existed=False, after=Claim("ada"))}
PRINCIPAL = PrivateRow(
    "principals", new_id(), {"role": "user", "status": "ACTIVE", "session_version": 1}
)
LATER = "2026-03-05T09:30:01.000000Z"


@story
async def test_a_batch_moves_the_head(store: LogStore) -> None:
    head = await store.head()
    first, second = account(), account()
    after = await append(
        store, head, decided(*credited(first, 2)), decided(opening(second), now=LATER)
    )
    assert (head.position, after.position) == (0, 4)
    assert after.recorded_at == LATER
    assert after.epoch == head.epoch
    assert await store.head() == after
    assert [row[:3] for row in audited(store.dsn)] == [
        (1, first, 1),
        (2, first, 2),
        (3, first, 3),
        (4, second, 1),
    ]


@story
async def test_columns_repeat_the_envelope(store: LogStore) -> None:
    command = decided(opening(account()))
    await append(store, await store.head(), command)
    [recorded] = await store.follow(0)
    envelope = recorded.envelope
    row = query(store, COLUMNS)[0]
    assert row[:8] == (
        envelope.stream_id,
        envelope.stream_version,
        envelope.id,
        envelope.type,
        envelope.schema_version,
        envelope.recorded_at,
        envelope.effective_at,
        envelope.metadata.correlation_id,
    )
    assert row[8:] == (command.command_id, None, encode(envelope))
    assert (envelope.data, envelope.metadata) == (command.events[0][2], command.metadata)


@story
async def test_an_event_may_count_from_before_it_was_recorded(store: LogStore) -> None:
    dated, usual = decided(opening(account()), opening(account())), decided(opening(account()))
    earlier = "2026-02-01T00:00:00.000000Z"
    dated = msgspec.structs.replace(dated, back_dated={1: earlier})
    await append(store, await store.head(), dated, usual)
    times = [
        (each.envelope.recorded_at, each.envelope.effective_at) for each in await store.follow(0)
    ]
    assert times == [(NOW, NOW), (NOW, earlier), (NOW, NOW)]
    columns = "SELECT recorded_at, effective_at FROM log.events ORDER BY position"
    assert query(store, columns) == times
    assert len(audited(store.dsn)) == 3


@story
async def test_hashes_chain_over_batches(store: LogStore) -> None:
    head, stream = await store.head(), account()
    for line in credited(stream, 20):
        head = await append(store, head, decided(line), decided(opening(account())))
    assert len(audited(store.dsn)) == head.position == 42
    assert query(store, "SELECT chain_hash FROM log.head") == [(head.chain_hash,)]


def test_a_content_hash_is_a_merkle_leaf_of_position_and_bytes() -> None:
    """Of 00, then 0000000000000001, then the bytes, as `sha256sum` says."""
    expected = "e6ffeb321593fb50eaa77e9948baa29acaa1ecb8d639571a4c712c04f1456e6a"
    assert content_hash(1, b"{}").hex() == expected


@story
async def test_a_batch_on_an_older_head_does_not_count(store: LogStore) -> None:
    head = await store.head()
    async with opened(store.dsn) as other:
        await append(other, head, decided(opening(account())))
    late = decided(opening(account()), claims=CLAIMS, rows=(PRINCIPAL,))
    with pytest.raises(HeadMoved):
        await append(store, head, decided(opening(account())))
    with pytest.raises(HeadMoved):
        await append(store, head, late)
    assert len(audited(store.dsn)) == 1
    assert query(store, "SELECT count(*) FROM log.commands") == [(1,)]
    assert query(store, "SELECT count(*) FROM log.claims") == [(0,)]
    assert query(store, "SELECT count(*) FROM log.principals") == [(0,)]
    await append(store, await store.head(), late)
    assert len(audited(store.dsn)) == 2


@story
async def test_a_batch_of_another_epoch_does_not_count(store: LogStore) -> None:
    head = await store.head()
    other = Head(head.position, head.chain_hash, head.recorded_at, "restored")
    with pytest.raises(HeadMoved):
        await append(store, other, decided(opening(account())))
    assert audited(store.dsn) == []


@story
async def test_nothing_to_write_still_asks_whether_the_head_moved(store: LogStore) -> None:
    head = await store.head()
    assert await append(store, head) == head
    after = await append(store, head, decided(opening(account())))
    with pytest.raises(HeadMoved):
        await append(store, head)
    assert await append(store, after) == after


@story
async def test_a_stream_has_each_version_once(store: LogStore) -> None:
    stream = account()
    head = await append(store, await store.head(), decided(opening(stream)))
    with pytest.raises(Collided, match="events_stream_version"):
        await append(store, head, decided(opening(account())), decided(opening(stream)))
    assert len(audited(store.dsn)) == 1
    assert await append(store, head, decided(credit(stream, 2, 1))) != head


@story
async def test_a_key_names_one_command_for_ever(store: LogStore) -> None:
    head = await append(store, await store.head(), decided(scope="user:1", key="k"))
    with pytest.raises(Collided, match="commands_scope_key"):
        await append(store, head, decided(opening(account()), scope="user:1", key="k"))
    assert audited(store.dsn) == []
    await append(store, head, decided(scope="user:2", key="k"))


@story
async def test_a_claim_has_one_holder(store: LogStore) -> None:
    head = await append(store, await store.head(), decided(claims=CLAIMS))
    with pytest.raises(Collided, match="claims_namespace_key"):
        await append(store, head, decided(opening(account()), claims=CLAIMS))
    assert audited(store.dsn) == []


@story
async def test_a_command_without_events_is_remembered(store: LogStore) -> None:
    refused = decided(
        scope="user:1", key="k", request_hash=b"hash", answer=b"sealed", answer_key="kid"
    )
    stream = account()
    head = await append(store, await store.head(), decided(*credited(stream, 1)), refused)
    found = await store.find([("user:1", "k"), ("user:1", "unknown")])
    assert found == {
        ("user:1", "k"): Remembered(refused.command_id, b"hash", head.position, b"sealed", "kid")
    }
    [(first, last)] = query(
        store, "SELECT first_position, last_position FROM log.commands WHERE scope = ''"
    )
    assert (first, last) == (1, 2)


@story
async def test_what_comes_after_a_position_comes_in_order(store: LogStore) -> None:
    stream = account()
    await append(store, await store.head(), decided(*credited(stream, 4_500)))
    followed = await store.follow(100)
    assert [recorded.position for recorded in followed] == list(range(101, 4_502))
    assert await store.follow(4_501) == []


@story
async def test_the_lock_of_the_head_lets_one_in(store: LogStore) -> None:
    stream = account()
    async with opened(store.dsn) as other:
        head = await other.head()
        writer = await other.writer()
        await writer.execute("SET lock_timeout = '100ms'")
        async with store.turn() as turn:
            assert turn.head == head
            with pytest.raises(HeadMoved):
                await append(other, head, decided(opening(account())))
            after = await write(store, turn, decided(*credited(stream, 3)))
            assert (await other.head()) == head
        with pytest.raises(HeadMoved):
            await append(other, head, decided(opening(account())))
        async with other.turn() as turn:
            assert turn.head == after
            assert [each.position for each in await turn.follow(2)] == [3, 4]
            fetched = await turn.fetch([stream])
            assert fetched.entries[stream].state.balance == 6
            await write(store, turn, decided(credit(stream, 5, 7)))
    assert len(audited(store.dsn)) == 5


@story
async def test_a_turn_that_fails_leaves_nothing(store: LogStore) -> None:
    async def change_its_mind() -> None:
        async with store.turn() as turn:
            await write(store, turn, decided(opening(account())))
            raise ZeroDivisionError

    async def open_twice() -> None:
        async with store.turn() as turn:
            await write(store, turn, decided(opening(account())), decided(opening(stream)))

    stream = account()
    await append(store, await store.head(), decided(opening(stream)))
    with pytest.raises(ZeroDivisionError):
        await change_its_mind()
    with pytest.raises(Collided, match="events_stream_version"):
        await open_twice()
    assert len(audited(store.dsn)) == 1


def query(store: LogStore, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


COLUMNS = """
SELECT stream_id, version, event_id::text, name, schema_version, recorded_at, effective_at,
    correlation_id, command_id::text, actor_id, data
FROM log.events
"""
