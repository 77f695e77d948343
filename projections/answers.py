"""Answers: what became of a command that was asked under an idempotency key (proof.md P-10)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.rows import class_row

from ledger.append.ports import unpack
from schema.postgres import Pool
from schema.seals import SELECT_BY_KID, DataKey, KeyEncryptionKeys, WrappedKey, unwrap_all

REFUSED_FROM = 400


class Kept(msgspec.Struct, frozen=True):
    """A row of `log.commands`."""

    scope: str
    key: str
    command_id: str
    request_hash: bytes | None
    first_position: int
    last_position: int
    answer: bytes | None
    answer_key: str | None
    recorded_at: str
    replays: int
    replayed_at: str | None


class Fate(msgspec.Struct, frozen=True):
    """What became of a command. `outcome` is None when what was answered cannot be read any more.

    `position` is that of its last event, None when it left none; `replays` counts how often the
    answer was given again.
    """

    key: str
    scope: str
    command_id: str
    first_requested_at: str
    request_hash: str | None
    outcome: str | None
    status: int | None
    reason: str | None
    position: int | None
    events: tuple[str, ...]
    replays: int
    last_replayed_at: str | None


async def fate_of(pool: Pool, keks: KeyEncryptionKeys, scope: str, key: str) -> Fate | None:
    """Return what became of a key within its scope, None when it was never used."""
    async with pool.connection() as connection:
        async with connection.cursor(row_factory=class_row(Kept)) as cursor:
            await cursor.execute(KEPT, {"scope": scope, "key": key})
            kept = await cursor.fetchone()
        if kept is None:
            return None
        async with connection.cursor(row_factory=class_row(WrappedKey)) as cursor:
            kids = [] if kept.answer_key is None else [kept.answer_key]
            await cursor.execute(SELECT_BY_KID, (kids,))
            keys = unwrap_all(await cursor.fetchall(), keks)
        rows = await (await connection.execute(EVENTS, positions(kept))).fetchall()
    return fate(kept, keys, rows)


def positions(kept: Kept) -> dict[str, int]:
    """Return between which positions the events of a command lie."""
    return {"first": kept.first_position, "last": kept.last_position}


def fate(kept: Kept, keys: Mapping[str, DataKey], events: Sequence[tuple[Any, ...]]) -> Fate:
    """Return what became of a command, its answer opened where its key still exists."""
    key = None if kept.answer_key is None else keys.get(kept.answer_key)
    status = reason = None
    if key is not None and kept.answer is not None:
        answer = unpack(key.open_bytes(kept.answer, kept.command_id))
        status = answer.status
        if status >= REFUSED_FROM:
            reason = msgspec.json.decode(answer.body)["reason"]
    outcome = None if status is None else "accepted" if status < REFUSED_FROM else "refused"
    return Fate(
        key=kept.key,
        scope=kept.scope,
        command_id=kept.command_id,
        first_requested_at=kept.recorded_at,
        request_hash=None if kept.request_hash is None else kept.request_hash.hex(),
        outcome="accepted" if events else outcome,
        status=status,
        reason=reason,
        position=kept.last_position if events else None,
        events=tuple(name for (name,) in events),
        replays=kept.replays,
        last_replayed_at=kept.replayed_at,
    )


KEPT = b"""
SELECT scope, key, command_id::text, request_hash, first_position, last_position, answer,
    answer_key, recorded_at, replays,
    to_char(replayed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS replayed_at
FROM log.commands
WHERE scope = %(scope)s AND key = %(key)s
"""
OF_ANY_SCOPE = KEPT.replace(b"scope = %(scope)s AND ", b"") + b"ORDER BY scope"
EVENTS = b"""
SELECT name FROM log.events WHERE position BETWEEN %(first)s AND %(last)s ORDER BY position
"""
