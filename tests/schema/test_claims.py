"""What is written together with events: unique keys, and rows that the log must not hold."""

from typing import Any

import msgspec
import psycopg
import pytest

from ledger.append.ports import Collided, HeadMoved
from ledger.decisions.view import ABSENT, Claim, ClaimChange, PrivateRow
from ledger.identity import new_id
from schema.store import LogStore
from tests.schema.logs import account, append, audited, decided, opening, story

KEY = ("email", "k")
MEMORY_KEY = "claim:email:k"


def taken(holder: str, *, existed: bool = False, until: str | None = None) -> ClaimChange:
    return ClaimChange(existed=existed, after=Claim(holder, until))


def released(*, existed: bool = True) -> ClaimChange:
    return ClaimChange(existed=existed, after=None)


async def change(store: LogStore, *changes: ClaimChange) -> None:
    """Append one batch: an event and a change of the claim in each command."""
    batch = [decided(opening(account()), claims={KEY: each}) for each in changes]
    await append(store, await store.head(), *batch)


async def held(store: LogStore) -> Any:
    return (await store.fetch([MEMORY_KEY])).entries[MEMORY_KEY]


@story
async def test_a_claim_is_taken_changed_and_released(store: LogStore) -> None:
    assert await held(store) is ABSENT
    await change(store, taken("ada"))
    assert await held(store) == Claim("ada")
    await change(store, taken("bob", existed=True, until="2026-03-06T00:00:00.000000Z"))
    assert await held(store) == Claim("bob", "2026-03-06T00:00:00.000000Z")
    assert claims(store) == [("email", "k", "bob", "2026-03-06T00:00:00.000000Z", 2)]
    await change(store, released())
    assert await held(store) is ABSENT
    assert claims(store) == []


@pytest.mark.parametrize(
    ("before", "batch", "after"),
    [
        ([], [taken("ada"), taken("bob", existed=True)], "bob"),
        ([], [taken("ada"), released()], None),
        ([], [taken("ada"), released(), taken("bob")], "bob"),
        ([taken("ada")], [released(), taken("bob")], "bob"),
        ([taken("ada")], [released(), taken("bob"), released()], None),
    ],
    ids=["take, change", "take, release", "three in one", "hand over", "hand over, release"],
)
def test_a_batch_leaves_what_its_last_command_wished(
    database: str, before: list[ClaimChange], batch: list[ClaimChange], after: str | None
) -> None:
    @story
    async def tell(store: LogStore) -> None:
        for each in before:
            await change(store, each)
        await change(store, *batch)
        assert await held(store) == (ABSENT if after is None else Claim(after))

    tell(database)


@story
async def test_claims_are_apart_by_namespace_and_key(store: LogStore) -> None:
    changes = {
        ("email", "k"): taken("ada"),
        ("iban", "k"): taken("bob"),
        ("email", "l:m"): taken("c"),
    }
    await append(store, await store.head(), decided(claims=changes))
    keys = ["claim:email:k", "claim:iban:k", "claim:email:l:m", "claim:iban:l:m"]
    fetched = await store.fetch(keys)
    assert fetched.entries == dict(
        zip(keys, [Claim("ada"), Claim("bob"), Claim("c"), ABSENT], strict=True)
    )


@story
async def test_nothing_is_written_when_a_claim_collides(store: LogStore) -> None:
    await change(store, taken("ada"))
    command = decided(opening(account()), claims={KEY: taken("bob")}, rows=(principal(new_id()),))
    with pytest.raises(Collided, match="claims_namespace_key"):
        await append(store, await store.head(), command)
    assert await held(store) == Claim("ada")
    assert len(audited(store.dsn)) == 1
    assert rows(store, "SELECT count(*) FROM log.principals") == [(0,)]
    assert await store.find([("", command.command_id)]) == {}


@story
async def test_private_rows_are_written_with_the_events(store: LogStore) -> None:
    user, session, kid, jti = new_id(), new_id(), new_id(), new_id()
    written = (
        PrivateRow(
            "data_keys",
            kid,
            {"kid": kid, "subject": user, "wrapped": b"\x00\xff'\\", "wrapped_by": "k1"},
        ),
        PrivateRow("credentials", user, {"password_hash": "$argon2id$v=19$'\\"}),
        principal(user),
        alive(session, user, jti),
    )
    await append(store, await store.head(), decided(opening(account()), rows=written))
    assert rows(store, "SELECT kid::text, subject, wrapped, wrapped_by FROM log.data_keys") == [
        (kid, user, b"\x00\xff'\\", "k1")
    ]
    assert rows(store, "SELECT user_id::text, password_hash FROM log.credentials") == [
        (user, "$argon2id$v=19$'\\")
    ]
    assert rows(store, PRINCIPALS) == [(user, "user", "ACTIVE", 1)]
    assert rows(store, SESSIONS) == [(session, user, jti, True, "2026-03-06T00:00:00.000000Z")]


@story
async def test_private_rows_are_overwritten_and_the_last_of_a_batch_stays(store: LogStore) -> None:
    user, session = new_id(), new_id()
    head = await append(
        store,
        await store.head(),
        decided(rows=(principal(user), alive(session, user, new_id()))),
        decided(rows=(principal(user, role="admin"),)),
    )
    assert rows(store, PRINCIPALS) == [(user, "admin", "ACTIVE", 1)]
    jti = new_id()
    changed = (
        principal(user, status="SUSPENDED", session_version=2),
        alive(session, user, jti, alive=False),
    )
    await append(store, head, decided(rows=changed))
    assert rows(store, PRINCIPALS) == [(user, "user", "SUSPENDED", 2)]
    assert rows(store, SESSIONS) == [(session, user, jti, False, "2026-03-06T00:00:00.000000Z")]


@story
async def test_what_has_to_go_goes_with_the_events(store: LogStore) -> None:
    user, other = new_id(), new_id()
    kept = tuple(row for each in (user, other) for row in (key_of(each), credential(each)))
    head = await append(store, await store.head(), decided(rows=kept))
    gone = (PrivateRow("data_keys", user, None), PrivateRow("credentials", user, None))
    never = (PrivateRow("data_keys", new_id(), None),)
    await append(store, head, decided(opening(account()), rows=gone), decided(rows=never))
    assert rows(store, "SELECT subject FROM log.data_keys") == [(other,)]
    assert rows(store, "SELECT user_id::text FROM log.credentials") == [(other,)]


@story
async def test_nothing_goes_with_a_batch_that_does_not_count(store: LogStore) -> None:
    user = new_id()
    head = await append(store, await store.head(), decided(rows=(key_of(user), credential(user))))
    stale = msgspec.structs.replace(head, epoch="another")
    with pytest.raises(HeadMoved):
        await append(store, stale, decided(rows=(PrivateRow("data_keys", user, None),)))
    assert rows(store, "SELECT subject FROM log.data_keys") == [(user,)]


@story
async def test_a_person_has_one_data_key(store: LogStore) -> None:
    def key(kid: str) -> PrivateRow:
        values = {"kid": kid, "subject": "ada", "wrapped": b"w", "wrapped_by": "k1"}
        return PrivateRow("data_keys", kid, values)

    head = await append(store, await store.head(), decided(rows=(key(new_id()),)))
    with pytest.raises(Collided, match="data_keys_subject"):
        await append(store, head, decided(opening(account()), rows=(key(new_id()),)))
    assert audited(store.dsn) == []


def key_of(user_id: str) -> PrivateRow:
    values = {"subject": user_id, "wrapped": b"w", "wrapped_by": "k1"}
    return PrivateRow("data_keys", user_id, values)


def credential(user_id: str) -> PrivateRow:
    return PrivateRow("credentials", user_id, {"password_hash": "$argon2id$"})


def principal(user_id: str, **values: Any) -> PrivateRow:
    first = {"role": "user", "status": "ACTIVE", "session_version": 1}
    return PrivateRow("principals", user_id, first | values)


def alive(session_id: str, user_id: str, jti: str, *, alive: bool = True) -> PrivateRow:
    values = {"user_id": user_id, "jti": jti, "alive": alive}
    return PrivateRow(
        "session_state", session_id, {**values, "expires_at": "2026-03-06T00:00:00.000000Z"}
    )


def claims(store: LogStore) -> list[tuple[Any, ...]]:
    return rows(store, "SELECT namespace, key, holder, expires_at, position FROM log.claims")


def rows(store: LogStore, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute(statement.encode()).fetchall()


PRINCIPALS = "SELECT user_id::text, role, status, session_version FROM log.principals"
SESSIONS = (
    "SELECT session_id::text, user_id::text, jti::text, alive, expires_at FROM log.session_state"
)
