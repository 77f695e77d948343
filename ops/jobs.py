"""Jobs as the command line knows them: the lists of the HTTP interface, steered by commands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from api.commands.jobs import facts_of, retrying
from api.job_shapes import RetriedWork
from api.shapes import Job
from ledger.commands.command import Command, Context
from ledger.commands.job import CancelJob
from ledger.errors import Reason, Refused
from ledger.events.recorded import OPERATOR
from ledger.identity import new_id
from ops.composition import Books, open_books
from ops.settings import Settings
from projections import jobs
from projections.cursors import Cursors
from projections.page import Listing, parse
from projections.selects import fetch_page
from schema.jobs import dead_letter, locked_job, mark_cancelled

T = TypeVar("T")
PAGE = 100


class JobDesk(msgspec.Struct, frozen=True):
    """The jobs of a deployment, through its books."""

    books: Books
    cursors: Cursors

    async def select(self, listing: Listing, wanted: dict[str, str], limit: int) -> list[Any]:
        """Return at most `limit` items of a list, in its usual order."""
        found: list[Any] = []
        asked = {**wanted, "limit": str(min(limit, PAGE))}
        while len(found) < limit:
            page = await fetch_page(
                self.books.pool, listing, parse(listing, asked, self.cursors), None
            )
            found += msgspec.json.decode(page.data)
            if not page.pagination["has_more"]:
                break
            asked["cursor"] = page.pagination["next_cursor"]
        return found[:limit]

    async def one(self, job_id: str) -> Job:
        """Return one job; refused when there is none."""
        found = await jobs.one(self.books.pool, job_id)
        if found is None:
            raise Refused(Reason.JOB_NOT_FOUND, job_id=job_id)
        return msgspec.json.decode(found.data, type=Job)

    async def cancel(self, job_id: str) -> Job:
        """Call a job off that nobody works on."""
        async with self.books.pool.connection() as connection, connection.transaction():
            found = await locked_job(connection, job_id)
            job = None if found is None else msgspec.json.decode(found, type=Job)
            facts = None if job is None else facts_of(job)
            await self.ask(CancelJob(job_id=job_id, facts=facts))
            await mark_cancelled(connection, job_id)
        return await self.one(job_id)

    async def retry(self, letter_id: str) -> RetriedWork:
        """Ask again for the work of a dead job."""
        async with self.books.pool.connection() as connection:
            found = await dead_letter(connection, letter_id)
        command, retried = retrying(letter_id, found)
        await self.ask(command)
        assert retried is not None, "what is not there is refused"
        return retried

    async def ask(self, command: Command) -> None:
        """Hand in a command of the operator's."""
        context = Context(actor=OPERATOR, correlation_id=f"req_{new_id().replace('-', '')}")
        await self.books.ledger.handle(command, context)


def at_the_desk(settings: Settings, dsn: str, ask: Callable[[JobDesk], Awaitable[T]]) -> T:
    """Ask something about the jobs of a deployment, and wait for the answer."""

    async def run() -> T:
        async with open_books(settings, dsn) as books:
            cursors = Cursors(settings.core.secret_key_base.encode())
            return await ask(JobDesk(books, cursors))

    return asyncio.run(run())
