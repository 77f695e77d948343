"""Erasures that must hold whatever is restored: whose keys were destroyed stays without keys.

The register is one JSON object to a line; it names nobody, only ids.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.commands.user import DeleteUser
from ledger.errors import Reason, Refused
from ledger.events.audit import ErasurePerformed
from ledger.events.recorded import OPERATOR, SYSTEM
from ledger.identity import new_id
from ops.composition import Books, open_books
from ops.settings import Settings
from schema.postgres import connect


class UnreadableRegister(Exception):
    """A register of erasures is not what it should be; the message says where."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was deleted: where the log said so, and under which id."""

    user_id: str
    erasure_id: str
    position: int


def erasures_of(connection: Connection[Any]) -> list[Erasure]:
    """Return everybody whom the log says to be deleted, in its order."""
    return connection.cursor(row_factory=class_row(Erasure)).execute(DELETED).fetchall()


def registered(file: Path) -> list[Erasure]:
    """Read a register. Raises `UnreadableRegister`."""
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=Erasure))
        except msgspec.MsgspecError as failure:
            raise UnreadableRegister(f"{file}, line {number}: {failure}") from failure
    return found


def register(erasures: Iterable[Erasure], file: Path) -> None:
    """Write a register, as a whole or not at all."""
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in erasures))
    unfinished.replace(file)


def destroy_again(connection: Connection[Any], erasures: Sequence[Erasure]) -> list[str]:
    """Destroy the keys and credentials of the deleted; return whose had come back."""
    users = [each.user_id for each in erasures]
    with connection.transaction():
        rows = connection.execute(DESTROY, {"users": users}).fetchall()
    return sorted(user for (user,) in rows)


async def delete_again(books: Books, erasures: Sequence[Erasure]) -> list[str]:
    """Delete people whom this log does not know to be deleted; return who they are.

    Whoever this log never knew has nothing to erase.
    """
    gone = []
    for each in erasures:
        command = DeleteUser(user_id=each.user_id, erasure_id=each.erasure_id)
        context = Context(actor=SYSTEM, correlation_id=new_id())
        try:
            await books.ledger.handle(command, context)
        except Refused as refused:
            if refused.reason is not Reason.USER_NOT_FOUND:
                raise
        else:
            gone.append(each.user_id)
    return gone


def applied(settings: Settings, dsn: str, known: Sequence[Erasure]) -> tuple[list[str], list[str]]:
    """Erase everybody again; return whose keys had come back, and who was not deleted here.

    What was done is told to the audit log.
    """
    with connect(dsn, "ledgerbank_app") as connection:
        destroyed = destroy_again(connection, erasures_of(connection))
    deleted = asyncio.run(told(settings, dsn, destroyed, known))
    return destroyed, deleted


async def told(
    settings: Settings, dsn: str, destroyed: list[str], known: Sequence[Erasure]
) -> list[str]:
    """Delete people again and tell what was done; return who they are."""
    async with open_books(settings, dsn) as books:
        deleted = await delete_again(books, known)
        if destroyed or deleted:
            details = {"keys_destroyed": len(destroyed), "users_deleted": len(deleted)}
            event = ErasurePerformed(outcome="success", details={**details})
            context = Context(actor=OPERATOR, correlation_id=new_id())
            await books.ledger.handle(RecordSecurityEvent(event=event), context)
    return deleted


DELETED = """
SELECT substr(stream_id, 6) AS user_id, position,
    convert_from(data, 'UTF8')::json #>> '{data,erasure_id}' AS erasure_id
FROM log.events WHERE name = 'UserDeleted' ORDER BY position
"""
DESTROY = """
WITH keys AS (
    DELETE FROM log.data_keys WHERE subject = ANY(%(users)s) RETURNING subject AS user_id
), credentials AS (
    DELETE FROM log.credentials WHERE user_id::text = ANY(%(users)s) RETURNING user_id::text
)
SELECT user_id FROM keys UNION SELECT user_id FROM credentials
"""
