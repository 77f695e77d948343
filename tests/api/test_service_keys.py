"""API keys: proven by their hash, admitted from memory only when the append will judge again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest

from api import service_keys
from api.callers import Principal
from api.service_keys import Genuine, NewKey, ServiceKeys, new_key
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from schema.postgres import Pool, open_pool

T = TypeVar("T")
NOW = 1_800_000_000
ROBOT = new_id()


class Known(msgspec.Struct, frozen=True):
    generation: int = 1
    scopes: frozenset[str] = frozenset({"remembered"})


@pytest.fixture
def key(database: str) -> NewKey:
    """Give the key of a service account that is stored."""
    made = new_key(ROBOT)
    with psycopg.connect(database) as connection:
        connection.execute(INSERT, (ROBOT, made.digest))
    return made


def tell(database: str, story: Callable[[Pool], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await open_pool(database, 2, "ledgerbank_app") as pool:
            return await story(pool)

    return asyncio.run(run())


def change(database: str, statement: str) -> Any:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def authenticated(database: str, key: str, remembered: Any, **how: bool) -> Principal:
    """Prove a key in a process that has seen it once before."""

    async def story(pool: Pool) -> Principal:
        keys = ServiceKeys(pool, lambda: NOW, remembered)
        digest = service_keys.digest_of(key)
        keys.remember(digest, Genuine(ROBOT, 1, NOW + 60))
        return await keys.principal(key, **how)

    return tell(database, story)


def refused(work: Callable[[], Any]) -> Reason:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value.reason


def test_a_key_proves_an_account_with_its_scopes(database: str, key: NewKey) -> None:
    found = authenticated(database, key.text, lambda _: None, fresh=True)
    assert found == Principal(
        kind="service",
        id=ROBOT,
        role="service",
        session_version=1,
        scopes=frozenset({"ledger:read"}),
    )


def test_no_two_keys_are_alike() -> None:
    keys = [new_key(ROBOT) for _ in range(100)]
    assert len({each.text for each in keys}) == len({each.prefix for each in keys}) == 100
    assert all(each.text.startswith(each.prefix) for each in keys)
    assert all(service_keys.KEY.fullmatch(each.text) for each in keys)


def test_memory_admits_a_command_and_no_question(database: str, key: NewKey) -> None:
    command = authenticated(database, key.text, lambda _: Known(), fresh=False)
    question = authenticated(database, key.text, lambda _: Known(), fresh=True)
    assert command.scopes == {"remembered"}
    assert question.scopes == {"ledger:read"}


@pytest.mark.parametrize("memory", [None, Known(generation=2)])
def test_what_memory_does_not_know_is_asked(database: str, key: NewKey, memory: Any) -> None:
    found = authenticated(database, key.text, lambda _: memory, fresh=False)
    assert found.scopes == {"ledger:read"}


def test_a_key_is_believed_for_a_minute_and_never_without_having_been_proven(
    database: str, key: NewKey
) -> None:
    async def story(pool: Pool) -> None:
        times = [NOW]
        keys = ServiceKeys(pool, lambda: times[0], lambda _: Known())
        for seconds, scopes in ((0, "ledger:read"), (59, "remembered"), (60, "ledger:read")):
            times[0] = NOW + seconds
            assert (await keys.principal(key.text, fresh=False)).scopes == {scopes}
        with pytest.raises(Refused):
            await keys.principal(new_key(ROBOT).text, fresh=False)

    tell(database, story)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM log.service_keys", Reason.INVALID_TOKEN),
        ("UPDATE log.service_keys SET key_hash = sha256('x')", Reason.INVALID_TOKEN),
        ("UPDATE log.service_keys SET status = 'DISABLED'", Reason.TOKEN_REVOKED),
    ],
)
def test_what_has_ended_is_refused(
    database: str, key: NewKey, statement: str, reason: Reason, *, fresh: bool
) -> None:
    change(database, statement)
    assert refused(lambda: authenticated(database, key.text, lambda _: None, fresh=fresh)) is reason


def test_a_wrong_key_of_a_disabled_account_is_only_wrong(database: str, key: NewKey) -> None:
    change(database, "UPDATE log.service_keys SET status = 'DISABLED'")
    wrong = new_key(ROBOT).text
    assert wrong != key.text
    told = refused(lambda: authenticated(database, wrong, lambda _: None, fresh=True))
    assert told is Reason.INVALID_TOKEN


def test_uses_are_noted_once_a_minute(database: str, key: NewKey) -> None:
    async def story(pool: Pool) -> None:
        times = [NOW]
        keys = ServiceKeys(pool, lambda: times[0])
        for seconds, noted in ((0, "08:00:00"), (59, "08:00:00"), (61, "08:01:01")):
            times[0] = NOW + seconds
            await keys.principal(key.text, fresh=True)
            (used_at,) = change(database, "SELECT last_used_at FROM log.service_keys")
            assert used_at == f"2027-01-15T{noted}.000000Z"

    tell(database, story)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_keys, "REMEMBERED_KEYS", 3)
    nowhere: Any = None
    keys = ServiceKeys(nowhere, lambda: NOW)
    for number in range(10):
        keys.remember(bytes([number]), Genuine(ROBOT, 1, NOW))
    assert list(keys.genuine) == [bytes([7]), bytes([8]), bytes([9])]


INSERT = """
INSERT INTO log.service_keys (service_id, key_hash, generation, scopes, status)
VALUES (%s, %s, 1, '{ledger:read}', 'ACTIVE')
"""
