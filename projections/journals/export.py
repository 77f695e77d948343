"""Export: a journal from its first line to its last, made while it is taken."""

from collections.abc import AsyncGenerator

from projections.journals import source
from projections.journals.formats import Format
from schema.postgres import Pool


async def exported(pool: Pool, written: Format, at: str | None) -> AsyncGenerator[bytes, None]:
    """Yield everything that was booked up to the time `at`, or until now.

    The same `at` gives the same bytes, whenever it lies and whoever was erased since.
    """
    extent = await source.extent_of(pool, at)
    yield written.head(extent).encode()
    if extent is None:
        return
    async for accounts in source.accounts(pool, extent):
        yield "".join(map(written.account, accounts)).encode()
    async for postings in source.postings(pool, extent):
        yield "".join(map(written.posting, postings)).encode()
