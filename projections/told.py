"""Told: the records behind a notice as they were when it happened, in the shapes of http.md §3."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from ledger.money import decimal_text
from projections import holds, looking_back, transactions, transfers
from projections.account_rows import decode_holds
from projections.accounts import View
from projections.items import Item
from projections.looking_back import Past
from projections.moments import Moment
from projections.notices import Notice
from projections.past import event_at
from projections.past_accounts import account_at
from schema.postgres import Pool

Record: TypeAlias = dict[str, Any]


class Occasion(msgspec.Struct, frozen=True):
    """A notice, and the end of its command: the events of a command are never shown apart."""

    notice: Notice
    end: int

    @property
    def moment(self) -> Moment:
        """Return the moment the records are shown as of."""
        return Moment(self.notice.recorded_at, self.end, self.notice.recorded_at)


class Missing(Exception):
    """A read model does not know what a notice is about."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(f"nothing is known of {notice.kind} at position {notice.position}")


async def occasions(pool: Pool, notices: Sequence[Notice]) -> list[Occasion]:
    """Return notices with the ends of their commands."""
    if not notices:
        return []
    async with pool.connection() as connection:
        asked = ([each.position for each in notices],)
        rows = await (await connection.execute(ENDS, asked)).fetchall()
    ends: dict[int, int] = dict(rows)
    return [Occasion(each, ends[each.position]) for each in notices]


class Teller(msgspec.Struct, frozen=True):
    """Reads records as they were; `view` says how accounts looked at a time."""

    past: Past
    view: Callable[[str], View]

    async def payment(self, occasion: Occasion) -> Record:
        """Return the Payment."""
        found = await looking_back.payment(self.past, occasion.notice.subject, occasion.moment)
        return record(occasion, found)

    async def account(self, occasion: Occasion) -> Record:
        """Return the Account."""
        shown = self.view(occasion.notice.recorded_at)
        account_id = occasion.notice.account_id or ""
        found = await looking_back.account(self.past, account_id, occasion.moment, shown)
        return record(occasion, found)

    async def transaction(self, occasion: Occasion, viewer: str | None) -> Record:
        """Return the Transaction as `viewer` (None: a reader) may see it; it never changes."""
        found = await transactions.one(self.past.pool, occasion.notice.subject, viewer)
        return record(occasion, found)

    async def transfer(self, occasion: Occasion) -> Record:
        """Return the Transfer."""
        return record(occasion, await transfers.one(self.past.pool, occasion.notice.subject))

    async def connection(self, occasion: Occasion) -> Record:
        """Return the Connection."""
        found = await looking_back.connection(self.past, occasion.notice.subject, occasion.moment)
        return record(occasion, found)

    async def connection_before(self, occasion: Occasion) -> Record:
        """Return the Connection as it was until then."""
        notice = occasion.notice
        before = Moment(notice.recorded_at, notice.position - 1, notice.recorded_at)
        return record(occasion, await looking_back.connection(self.past, notice.subject, before))

    async def discrepancy(self, occasion: Occasion) -> Record:
        """Return the Discrepancy."""
        found = await looking_back.discrepancy(self.past, occasion.notice.subject, occasion.moment)
        return record(occasion, found)

    async def event(self, occasion: Occasion) -> Any:
        """Return the event itself."""
        async with self.past.pool.connection() as connection:
            return await event_at(connection, occasion.notice.position)

    async def hold(self, occasion: Occasion) -> Record:
        """Return the Hold: what it is never changes, how it stands is told by its account."""
        notice = occasion.notice
        found = record(
            occasion, await holds.one(self.past.pool, notice.subject, notice.recorded_at)
        )
        async with self.past.pool.connection() as connection:
            account = await account_at(
                connection, self.past.keks, notice.account_id or "", occasion.end
            )
        if account is None:
            raise Missing(notice)
        promise = decode_holds(account.holds).get(notice.subject)
        if promise is None:
            return standing(found, ENDED.get(notice.kind, "ACTIVE"), 0)
        return standing(found, "ACTIVE", promise.remaining)


def standing(hold: Record, status: str, remaining: int) -> Record:
    """Return a hold with how it stood then."""
    left = decimal_text(remaining, hold["currency"])
    return hold | {"status": status, "remaining_amount": left}


def record(occasion: Occasion, found: Item | None) -> Record:
    """Return an item as a record."""
    if found is None:
        raise Missing(occasion.notice)
    read: Record = msgspec.json.decode(found.data)
    return read


ENDED = {"HoldCaptured": "CAPTURED", "HoldReleased": "RELEASED", "HoldExpired": "EXPIRED"}
ENDS = """
SELECT asked.position, coalesce((
    SELECT position FROM log.events
    WHERE position > asked.position AND command_id <> (
        SELECT command_id FROM log.events WHERE position = asked.position
    )
    ORDER BY position LIMIT 1
) - 1, (SELECT position FROM log.head))
FROM unnest(%s::bigint[]) AS asked (position)
"""
