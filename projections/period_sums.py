"""What a period came to: the trial balance it is sealed with, exact to a position of the log."""

import msgspec

from ledger.errors import Reason, Refused
from ledger.events.period import Sum
from ledger.policies.periods import last_moment_of, stream_of
from projections.trial_balance import Total
from projections.trial_balance_past import POSITION_AT, Moment, one, totals_at
from schema.postgres import Pool


class PeriodSums(msgspec.Struct, frozen=True):
    """Sums of all that counts until a period's end, as known at log position `position`.

    `seen`: how many postings that were booked into it after its end they include.
    """

    sums: tuple[Sum, ...]
    position: int
    seen: int


async def sums_of(pool: Pool, month: str) -> PeriodSums:
    """Sum up a period. Refused: `projection_lagging`, when its end was not folded yet."""
    last = last_moment_of(month)
    async with pool.connection() as connection:
        position = await one(connection, POSITION_AT, (last,))
        reached = await one(connection, REACHED, ())
        if reached < position:
            raise Refused(Reason.PROJECTION_LAGGING, required=position, reached=reached)
        seen = await one(connection, SEEN, (stream_of(month), reached))
    totals = await totals_at(pool, Moment(position=position, known=reached, at=last))
    return PeriodSums(tuple(map(sum_of, sorted(totals.values(), key=order))), reached, seen)


def order(total: Total) -> tuple[str, str]:
    """Return what sums are sorted by."""
    return total.currency, total.code


def sum_of(total: Total) -> Sum:
    """Return a total as it is sealed."""
    return Sum(
        code=total.code,
        currency=total.currency,
        debit_total=str(total.debit_total),
        credit_total=str(total.credit_total),
    )


REACHED = """
SELECT min(position) FROM read.checkpoints WHERE projection IN ('trial_balance', 'restatements')
"""
SEEN = """
SELECT count(*) FROM log.events
WHERE stream_id = %s AND position <= %s AND name = 'PeriodRestated'
"""
