"""The log is sealed as it is written, and never again once it was altered."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pymerkle
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection, errors

from ops.settings.generated import signing_key
from schema import sealing
from schema.postgres import connect
from schema.sealing import Altered, public_keys, seal_all
from schema.signatures import Signer, TreeHead, public_bytes, public_pem, signed, signer_of
from tests.schema.logs import NOW, account, append, credited, decided, opened

SIGNER, OTHER = signer_of(signing_key()), signer_of(signing_key())
LATER = "2026-03-05T10:00:00.000000Z"


def grown(dsn: str, *lengths: int) -> None:
    """Append one command per account, with so many events each."""

    async def play() -> None:
        async with opened(dsn) as store:
            head = await store.head()
            for length in lengths:
                events = credited(account(), length - 1)
                head = await append(store, head, decided(*events))

    asyncio.run(play())


def tree(dsn: str) -> pymerkle.InmemoryTree:
    """Return the tree that somebody else makes of the stored bytes."""
    found = pymerkle.InmemoryTree(algorithm="sha256")
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT position, data FROM log.events ORDER BY position")
        for position, data in rows:
            found.append_entry(position.to_bytes(8, "big") + data)
    return found


@pytest.fixture
def log(database: str) -> Iterator[Connection[Any]]:
    with connect(database, "ledgerbank_app") as connection:
        yield connection


def test_what_is_sealed_is_the_tree_over_the_stored_bytes(
    database: str, log: Connection[Any]
) -> None:
    assert seal_all(log, SIGNER, LATER) == []
    heads: list[TreeHead] = []
    for length in (1, 6, 300, 256, 9):
        grown(database, length)
        heads += seal_all(log, SIGNER, LATER)
        assert seal_all(log, SIGNER, LATER) == []
    theirs = tree(database)
    assert [head.tree_size for head in heads] == [1, 7, 307, 563, 572]
    assert [head.root_hash for head in heads] == [theirs.get_root(h.tree_size) for h in heads]
    assert {head.sealed_at for head in heads} == {LATER}
    keys = public_keys(log)
    assert keys == {SIGNER.key_id: SIGNER.public_key}
    assert all(signed(head, keys) for head in heads)


def test_the_signature_is_over_the_documented_text(database: str, log: Connection[Any]) -> None:
    grown(database, 3)
    [head] = seal_all(log, SIGNER, LATER)
    text = f"ledgerbank-checkpoint-v1\n3\n{head.root_hash.hex()}\n{LATER}\n"
    SIGNER.key.public_key().verify(head.signature, text.encode())
    assert not signed(TreeHead(2, *list_of(head)[1:]), public_keys(log))
    assert not signed(head, {head.key_id: OTHER.public_key})
    assert not signed(head, {})


def list_of(head: TreeHead) -> list[Any]:
    return [getattr(head, name) for name in TreeHead.__struct_fields__]


def test_a_seal_is_never_older_than_what_it_seals(database: str, log: Connection[Any]) -> None:
    grown(database, 2)
    [head] = seal_all(log, SIGNER, "2020-01-01T00:00:00.000000Z")
    assert head.sealed_at == NOW


def test_a_long_log_is_sealed_in_steps(
    database: str, log: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "HEAD_EVENTS_MAX", 40)
    monkeypatch.setattr(sealing, "PAGE_EVENTS", 7)
    grown(database, 100)
    heads = seal_all(log, SIGNER, LATER)
    assert [head.tree_size for head in heads] == [40, 80, 100]
    assert heads[1].root_hash == tree(database).get_root(80)


def test_another_key_goes_on_where_the_first_one_ended(database: str, log: Connection[Any]) -> None:
    grown(database, 2)
    seal_all(log, SIGNER, LATER)
    grown(database, 2)
    [head] = seal_all(log, OTHER, LATER)
    assert (head.tree_size, head.key_id) == (4, OTHER.key_id)
    assert public_keys(log).keys() == {SIGNER.key_id, OTHER.key_id}


HASH = "content_hash = sha256('\\x00'::bytea || int8send(position) || data)"
ALTERATIONS = {
    "a sealed leaf": ("UPDATE log.events SET content_hash = '\\x01' WHERE position = 3", 5),
    "a sealed subtree": ("UPDATE log.checkpoints SET root_hash = '\\x01'", 5),
    "a lost row below": ("DELETE FROM log.events WHERE position = 2", 5),
    "the signature": ("UPDATE log.checkpoints SET signature = '\\x01'", 5),
    "the end of the log": ("UPDATE log.head SET position = 4", 5),
    "a new byte": ("UPDATE log.events SET data = data || ' ' WHERE position = 7", 7),
    "a new byte, rehashed": (
        f"UPDATE log.events SET data = d.data, {HASH.replace('|| data', '|| d.data')}"
        " FROM (SELECT data || ' '::bytea AS data FROM log.events WHERE position = 7) AS d"
        " WHERE position = 7",
        7,
    ),
    "a new leaf": ("UPDATE log.events SET content_hash = '\\x01' WHERE position = 7", 7),
    "a new row gone": ("DELETE FROM log.events WHERE position = 7", 7),
    "the newest row gone": ("DELETE FROM log.events WHERE position = 8", 8),
}


@pytest.fixture(scope="module")
def half_sealed(module_database: str) -> str:
    """Give a log of which five events are sealed and three are not."""
    grown(module_database, 5)
    with connect(module_database, "ledgerbank_app") as connection:
        seal_all(connection, SIGNER, LATER)
    grown(module_database, 3)
    return module_database


@pytest.mark.parametrize("what", ALTERATIONS)
def test_nothing_is_signed_on_top_of_an_altered_log(half_sealed: str, what: str) -> None:
    statement, position = ALTERATIONS[what]
    with psycopg.connect(half_sealed) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement.encode())
        with pytest.raises(Altered) as found:
            seal_all(owner, SIGNER, LATER)
        assert found.value.position == position
        assert owner.execute("SELECT count(*) FROM log.checkpoints").fetchone() == (1,)
        owner.rollback()


@pytest.mark.parametrize("table", ["tree", "audit_keys", "checkpoints"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_signed_stays(half_sealed: str, table: str, statement: str) -> None:
    asked = statement.format(f"log.{table}").encode()
    with connect(half_sealed) as owner, pytest.raises(errors.InsufficientPrivilege):
        owner.execute(asked)
    with connect(half_sealed, "ledgerbank_app") as app, pytest.raises(errors.InsufficientPrivilege):
        app.execute(asked)


def test_a_public_key_is_read_back_in_both_forms() -> None:
    key = Signer("any", Ed25519PrivateKey.generate()).public_key
    assert public_bytes(public_pem(key)) == key
