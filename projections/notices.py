"""Notices: what somebody may be told of, and who it is that may be (events_audit.md §3)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from ledger.events.announcement import MaintenanceAnnounced
from projections.rows import Table
from schema.postgres import Pool

PUBLIC = MaintenanceAnnounced.stored_as
"""What is everybody's to hear."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event somebody may be told of. `kind` is its stored name, `subject` what it is about.

    Without an owner it is for readers only, unless it is `PUBLIC`; a transfer has two.
    """

    position: int
    kind: str
    subject: str
    user_id: str | None = None
    other_user_id: str | None = None
    account_id: str | None = None
    payment_id: str | None = None
    note: str | None = None
    recorded_at: str


NOTICE = Table("stream_feed", Notice, key_type="int8", kept=False)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which notices somebody wants: of one owner (None: everybody's), of some kinds, about one."""

    owner: str | None
    kinds: frozenset[str]
    account_id: str | None = None
    payment_id: str | None = None

    def takes(self, notice: Notice) -> bool:
        """Say whether a notice is among them; what is public is nobody's, and about nothing."""
        if notice.kind == PUBLIC:
            return PUBLIC in self.kinds
        owned = self.owner is None or self.owner in {notice.user_id, notice.other_user_id}
        return (
            owned
            and notice.kind in self.kinds
            and self.account_id in {None, notice.account_id}
            and self.payment_id in {None, notice.payment_id}
        )


async def notices(
    pool: Pool, wanted: Wanted, after: int, until: int, limit: int
) -> Sequence[Notice]:
    """Return the first notices behind `after`, up to and including `until`."""
    values = {
        **msgspec.structs.asdict(wanted),
        "kinds": list(wanted.kinds),
        "after": after,
        "until": until,
        "limit": limit,
    }
    async with pool.connection() as connection:
        return await selected(connection, EVERYBODY if wanted.owner is None else OF_ONE, values)


async def selected(connection: AsyncConnection, query: str, values: dict[str, Any]) -> list[Notice]:
    """Return the notices that a query finds."""
    async with connection.cursor(row_factory=class_row(Notice)) as cursor:
        await cursor.execute(query.encode(), values)
        return await cursor.fetchall()


NOTICES = """
SELECT position, kind, subject, user_id::text, other_user_id::text, account_id::text,
    payment_id::text, note, recorded_at
FROM read.stream_feed
"""
AT = f"{NOTICES} WHERE position = %(position)s"
BETWEEN = """
WHERE position > %(after)s AND position <= %(until)s AND kind = ANY(%(kinds)s)
"""
ABOUT = f"""
    AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s OR kind = '{PUBLIC}')
    AND (%(payment_id)s::uuid IS NULL OR payment_id = %(payment_id)s OR kind = '{PUBLIC}')
"""
COLUMNS = f"{NOTICES}{BETWEEN}{ABOUT}"
LIMITED = "ORDER BY position LIMIT %(limit)s"
EVERYBODY = f"{COLUMNS}{LIMITED}"
ONCE = "SELECT DISTINCT ON (position) * FROM"
OF_ONE = f"""
{ONCE} (
    ({COLUMNS} AND user_id = %(owner)s {LIMITED})
    UNION ALL
    ({COLUMNS} AND other_user_id = %(owner)s {LIMITED})
    UNION ALL
    ({NOTICES}{BETWEEN} AND kind = '{PUBLIC}' {LIMITED})
) AS found
{LIMITED}
"""
"""Index scans: one for each side that somebody may be on, one for what is everybody's."""
