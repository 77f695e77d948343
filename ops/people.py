"""People as the command line knows them: found in the log itself, changed by commands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from api.commands.users import show_user
from api.shapes import User
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.composition import Books, open_books
from ops.settings import Settings
from projections.users import last_login
from schema.principals import email_claim

T = TypeVar("T")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which people are meant: all conditions that are given have to hold."""

    user_id: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None


class People:
    """The people of a deployment. Deleted ones are listed only when that is asked for."""

    def __init__(self, books: Books, index_key: bytes) -> None:
        self.books, self.index_key = books, index_key

    async def select(self, wanted: Wanted, limit: int) -> list[User]:
        """Return at most `limit` people, the newest first."""
        claim = None if wanted.email is None else email_claim(self.index_key, wanted.email)
        facts = {**msgspec.structs.asdict(wanted), "claim": claim, "limit": limit}
        async with self.books.pool.connection() as connection:
            cursor = await connection.execute(SELECT, facts)
            rows = await cursor.fetchall()
        return [await self.shown(user_id) for (user_id,) in rows]

    async def one(self, wanted: Wanted) -> User:
        """Return the person that is meant; refused when there is none."""
        if wanted.user_id is not None:
            return await self.shown(wanted.user_id)
        found = await self.select(wanted, 1)
        if not found:
            raise Refused(Reason.USER_NOT_FOUND)
        return found[0]

    async def shown(self, user_id: str) -> User:
        """Return one person as the database has them now."""
        loaded = await self.books.ledger.current(f"user-{user_id}")
        if loaded.version == 0:
            raise Refused(Reason.USER_NOT_FOUND, user_id=user_id)
        reveal = await self.books.ledger.reading(loaded)
        return show_user(loaded, reveal, await last_login(self.books.pool, user_id))

    async def change(self, wanted: Wanted, command_for: Callable[[str], Command]) -> User:
        """Carry out a command about the person that is meant; return who they were before."""
        person = await self.one(wanted)
        context = Context(actor=SYSTEM, correlation_id=new_id())
        await self.books.ledger.handle(command_for(person.id), context)
        return person


def among_people(settings: Settings, dsn: str, ask: Callable[[People], Awaitable[T]]) -> T:
    """Ask something of the people of a deployment, and wait for the answer."""

    async def run() -> Any:
        async with open_books(settings, dsn) as books:
            return await ask(People(books, settings.core.index_key))

    answer: T = asyncio.run(run())
    return answer


SELECT = b"""
SELECT user_id::text FROM log.principals
WHERE (%(user_id)s::text IS NULL OR user_id::text = %(user_id)s)
    AND (%(role)s::text IS NULL OR role = %(role)s)
    AND (status = %(status)s OR (%(status)s::text IS NULL AND status <> 'DELETED'))
    AND (%(claim)s::text IS NULL OR user_id::text IN (
        SELECT holder FROM log.claims WHERE namespace = 'email' AND key = %(claim)s
    ))
ORDER BY user_id DESC
LIMIT %(limit)s
"""
