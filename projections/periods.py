"""Periods: months that were closed or added to after their end, with the sums they were sealed at.

A month that is not here is open, and nothing was booked into it after it was over.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger.events.period import PeriodClosed, PeriodReopened, PeriodRestated
from projections.log import Logged
from projections.projector import Fold, Key, On, Projector
from projections.rows import Table
from schema.postgres import Pool


class Period(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One month; `sums` is JSON: a list of `ledger.events.period.Sum`."""

    period: str
    status: str = "OPEN"
    position: int | None = None
    digest: str | None = None
    sums: msgspec.Raw = msgspec.Raw(b"[]")
    closed_at: str | None = None
    reopened_at: str | None = None
    reason: str | None = None
    restatements: int = 0
    version: int = 0
    inserted_at: str
    updated_at: str


PERIOD = Table("periods", Period, key_type="text")


def closed(fold: Fold, logged: Logged[PeriodClosed]) -> None:
    event = logged.event
    change(
        fold,
        logged,
        status="CLOSED",
        position=event.position,
        digest=event.digest,
        sums=msgspec.Raw(msgspec.json.encode(event.sums)),
        closed_at=logged.recorded_at,
        reopened_at=None,
        reason=None,
    )


def reopened(fold: Fold, logged: Logged[PeriodReopened]) -> None:
    at, reason = logged.recorded_at, logged.event.reason
    change(fold, logged, status="OPEN", reopened_at=at, reason=reason)


def restated(fold: Fold, logged: Logged[PeriodRestated]) -> None:
    known = fold.rows.of(PERIOD).find(month_of(logged))
    change(fold, logged, restatements=1 if known is None else known.restatements + 1)


def change(fold: Fold, logged: Logged[Any], **changes: Any) -> None:
    """Change the month of `logged`, which begins to be known with its first event."""
    periods, at, month = fold.rows.of(PERIOD), logged.recorded_at, month_of(logged)
    period = periods.find(month) or Period(period=month, inserted_at=at, updated_at=at)
    periods.put(replace(period, version=logged.version, updated_at=at, **changes))


def month_of(logged: Logged[Any]) -> str:
    """Return the month (`yyyy-mm`) that the stream `period-yyyymm` is about."""
    return f"{logged.subject[:4]}-{logged.subject[4:]}"


def period_of(logged: Logged[Any]) -> Iterable[Key]:
    """Name the month that `logged` happened to."""
    return ((PERIOD, month_of(logged)),)


PROJECTOR = Projector(
    "periods",
    (PERIOD,),
    {
        PeriodClosed: On(closed, period_of),
        PeriodReopened: On(reopened, period_of),
        PeriodRestated: On(restated, period_of),
    },
)


async def every(pool: Pool) -> bytes:
    """Return all known Periods, newest month first, as a JSON array."""
    async with pool.connection() as connection:
        row = await (await connection.execute(EVERY)).fetchone()
    assert row is not None, "an aggregate has one row"
    content: bytes = row[0]
    return content


EVERY = """
SELECT coalesce(json_agg(to_json(shape) ORDER BY shape.period DESC), '[]')
FROM (
    SELECT period, status, position, digest, (
        SELECT coalesce(json_agg(json_build_object(
            'code', line ->> 'code',
            'currency', line ->> 'currency',
            'debit_total', read.money((line ->> 'debit_total')::numeric, line ->> 'currency'),
            'credit_total', read.money((line ->> 'credit_total')::numeric, line ->> 'currency'),
            'balance', read.money(
                (line ->> 'credit_total')::numeric - (line ->> 'debit_total')::numeric,
                line ->> 'currency'
            )
        ) ORDER BY ordinal), '[]')
        FROM jsonb_array_elements(sums) WITH ORDINALITY AS listed (line, ordinal)
    ) AS sums,
    closed_at, reopened_at, reason, restatements, inserted_at, updated_at
    FROM read.periods
) AS shape
"""
