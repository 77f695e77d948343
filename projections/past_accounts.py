"""Accounts as they were: folded from the nearest mark, a few events each."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from psycopg import AsyncConnection

from ledger.events.account import AccountOpened, AccountRenamed
from ledger.events.event import Sealed
from projections.account_rows import (
    ACCOUNT,
    HOLD,
    MARK_EVERY,
    Account,
    ActiveHold,
    decode_holds,
)
from projections.accounts import PROJECTOR
from projections.known import Known
from projections.log import decode_event, decode_lines
from projections.past import empty, fetch, fold, knowing
from projections.rows import Rows
from schema.seals import KeyEncryptionKeys

CHUNK_ACCOUNTS = 500
decode_account = msgspec.json.Decoder(Account).decode


async def account_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, account_id: str, position: int
) -> Account | None:
    """Return an account as it was, without its name; None before it was opened."""
    found = await accounts_at(connection, keks, [account_id], position)
    return found[0] if found else None


async def accounts_at(
    connection: AsyncConnection, keks: KeyEncryptionKeys, ids: Sequence[str], position: int
) -> list[Account]:
    """Return accounts as they were, without their names; those not opened yet are left out."""
    found: list[Account] = []
    for start in range(0, len(ids), CHUNK_ACCOUNTS):
        chunk = ids[start : start + CHUNK_ACCOUNTS]
        found += await folded(connection, keks, chunk, position)
    return found


async def folded(
    connection: AsyncConnection, keks: KeyEncryptionKeys, ids: Sequence[str], position: int
) -> list[Account]:
    """Fold each account from its mark on, in steps of as many versions as lie between marks."""
    rows, known = empty(PROJECTOR), Known(keks)
    versions = dict.fromkeys(ids, 0)
    for account_id, version, content in await marks(connection, ids, position):
        seed(rows, decode_account(content))
        versions[account_id] = version
    while versions:
        values = (list(versions), list(versions.values()), MARK_EVERY, position)
        lines = await fetch(connection, TAILS, values)
        fold(PROJECTOR, rows, decode_lines(lines), known)
        ended = [line[3].removeprefix("account-") for line in lines if ends_a_step(line[4])]
        versions = {account_id: versions[account_id] + MARK_EVERY for account_id in ended}
    shelf = rows.of(ACCOUNT)
    return [account for each in ids if (account := shelf.find(each)) is not None]


def ends_a_step(version: int) -> bool:
    """Say whether there may be more after a version: where a mark would be, had it been made."""
    return version % MARK_EVERY == 0


def seed(rows: Rows, account: Account) -> None:
    """Begin with an account and the holds that were active on it."""
    rows.of(ACCOUNT).put(account)
    for hold_id, promise in decode_holds(account.holds).items():
        hold = ActiveHold(hold_id, account.id, promise.remaining, promise.expires_at)
        rows.of(HOLD).put(hold)


async def marks(
    connection: AsyncConnection, ids: Sequence[str], position: int
) -> list[tuple[str, int, bytes]]:
    """Return the newest mark of each account that has one by `position`."""
    return await (await connection.execute(MARKS, (list(ids), position))).fetchall()


async def named(
    connection: AsyncConnection, keks: KeyEncryptionKeys, found: Sequence[Account]
) -> list[Account]:
    """Return accounts with the names they had, as far as anybody may still know them."""
    streams = [f"account-{each.id}" for each in found]
    values = (streams, [each.named_in for each in found])
    rows = await (await connection.execute(NAMING, values, binary=True)).fetchall()
    names = {stream: name_in(*event) for stream, *event in rows}
    known = await knowing(connection, keks, {sealed.kid for sealed in names.values()})
    return [
        replace(each, account_name=known.name(names[stream]))
        for stream, each in zip(streams, found, strict=True)
    ]


def name_in(kind: str, schema_version: int, data: bytes) -> Sealed:
    """Return the name that an event gave."""
    event = decode_event(kind, schema_version, data)
    assert isinstance(event, AccountOpened | AccountRenamed), "these give an account its name"
    return event.account_name


MARKS = """
SELECT m.account_id::text, m.version, m.account
FROM unnest(%s::uuid[]) AS asked (id), LATERAL (
    SELECT account_id, version, account FROM read.account_marks
    WHERE account_id = asked.id AND position <= %s
    ORDER BY position DESC LIMIT 1
) AS m
"""
TAILS = """
SELECT e.position, e.name, e.schema_version, e.stream_id, e.version, e.recorded_at, e.data
FROM unnest(%s::text[], %s::bigint[]) AS asked (id, version)
JOIN log.events AS e ON e.stream_id = 'account-' || asked.id
    AND e.version > asked.version AND e.version <= asked.version + %s
WHERE e.position <= %s
ORDER BY e.position
"""
NAMING = """
SELECT e.stream_id, e.name, e.schema_version, e.data
FROM unnest(%s::text[], %s::bigint[]) AS asked (stream_id, version)
JOIN log.events AS e ON e.stream_id = asked.stream_id AND e.version = asked.version
"""
