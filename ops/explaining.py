"""A balance explained on the command line: the same entries that HTTP tells, all of them."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ledger.errors import Reason, Refused
from projections.account_history import ENTRIES, Viewer, explained
from projections.cursors import Cursors
from projections.looking_back import Past
from projections.page import parse
from projections.past_accounts import account_at
from schema.postgres import open_pool
from schema.seals import KeyEncryptionKeys

PAGE_ROWS = "100"
PREFIX = "account-"


async def explain(
    dsn: str, keks: KeyEncryptionKeys, stream_id: str, position: int, limit: int
) -> list[dict[str, Any]]:
    """Return the newest `limit` entries that made up the balance of an account at a position."""
    account_id = stream_id.removeprefix(PREFIX)
    async with await open_pool(dsn, 1, "ledgerbank_app") as pool:
        past = Past(pool, keks)
        async with pool.connection() as connection:
            found = await account_at(connection, keks, account_id, position)
        if found is None:
            raise Refused(Reason.STREAM_NOT_FOUND, stream_id=stream_id)
        lines: list[dict[str, Any]] = []
        viewer = Viewer(None, account_id)
        async for page in pages(past, viewer, found.version, found.currency):
            lines += page
            if len(lines) >= limit:
                break
        return lines[:limit]


async def pages(
    past: Past, viewer: Viewer, version: int, currency: str
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the entries up to a version, newest first."""
    cursors, asked = Cursors(viewer.account_id.encode()), {"limit": PAGE_ROWS}
    while True:
        wanted = parse(ENTRIES, asked, cursors)
        page = await explained(past, wanted, viewer, version, currency)
        yield msgspec.json.decode(page.data)
        if not page.pagination["has_more"]:
            return
        asked = {"limit": PAGE_ROWS, "cursor": page.pagination["next_cursor"]}
