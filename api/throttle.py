"""Login throttle: after some failures an address waits, twice as long each time (identity.md §4).

Kept in the database and judged by its clock, so that all processes count together. Addresses are
keyed hashes here, known ones and unknown ones alike.
"""

import math
from datetime import timedelta
from typing import NoReturn

import msgspec

from ledger.errors import Reason, Refused
from schema.postgres import Pool

FORGOTTEN_AFTER = timedelta(minutes=15)
SWEPT_AT_ONCE = 10
DOUBLINGS_MAX = 30


class Patience(msgspec.Struct, frozen=True):
    """From which failure in a row an address waits, and the longest wait in seconds."""

    failures: int = 5
    seconds_max: int = 300


class Throttle(msgspec.Struct, frozen=True):
    """Counts failures of addresses.

    A locked address is refused before the password is looked at and once more after it, so that
    many guesses at the same moment tell no more than a few.
    """

    pool: Pool
    patience: Patience = Patience()

    async def admit(self, claim: str) -> None:
        """Refuse an address that has to wait."""
        async with self.pool.connection() as connection:
            row = await (await connection.execute(LOCKED, (claim,))).fetchone()
        if row is not None:
            refuse(row[0])

    async def succeeded(self, claim: str) -> None:
        """Forget the failures of an address, unless it was locked in the meantime."""
        async with self.pool.connection() as connection:
            row = await (await connection.execute(FORGET, {"claim": claim})).fetchone()
        if row is not None:
            refuse(row[0])

    async def failed(self, claim: str) -> None:
        """Count a failure; an address that was locked in the meantime is refused instead."""
        facts = {
            "claim": claim,
            "free": self.patience.failures - 1,
            "seconds_max": self.patience.seconds_max,
            "doublings": DOUBLINGS_MAX,
            "forgotten_after": FORGOTTEN_AFTER,
            "swept_at_once": SWEPT_AT_ONCE,
        }
        async with self.pool.connection() as connection:
            counted = await (await connection.execute(COUNT, facts)).fetchone()
        if counted is None:
            await self.admit(claim)


def refuse(seconds: float) -> NoReturn:
    """Refuse for this long, in whole seconds."""
    wait = max(1, math.ceil(seconds))
    raise Refused(Reason.LOGIN_THROTTLED, retry_after=wait, retry_after_ms=wait * 1_000)


LOCKED = """
SELECT extract(epoch FROM locked_until - clock_timestamp())::float8 FROM log.login_failures
WHERE claim = %s AND locked_until > clock_timestamp()
"""
FORGET = """
WITH forgotten AS (
    DELETE FROM log.login_failures
    WHERE claim = %(claim)s AND locked_until <= clock_timestamp()
)
SELECT extract(epoch FROM locked_until - clock_timestamp())::float8 FROM log.login_failures
WHERE claim = %(claim)s AND locked_until > clock_timestamp()
"""
COUNT = """
WITH swept AS (
    DELETE FROM log.login_failures
    WHERE claim IN (
        SELECT claim FROM log.login_failures
        WHERE failed_at < clock_timestamp() - %(forgotten_after)s AND claim <> %(claim)s
        ORDER BY failed_at LIMIT %(swept_at_once)s FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO log.login_failures AS known (claim, failures, failed_at, locked_until)
VALUES (
    %(claim)s, 1, clock_timestamp(),
    clock_timestamp() + make_interval(secs => CASE WHEN %(free)s < 1 THEN 1 ELSE 0 END)
)
ON CONFLICT (claim) DO UPDATE
SET (failures, failed_at, locked_until) = (
    SELECT counted.failures, clock_timestamp(), clock_timestamp() + make_interval(
        secs => CASE
            WHEN counted.failures <= %(free)s THEN 0
            ELSE least(%(seconds_max)s, 2 ^ least(counted.failures - %(free)s - 1, %(doublings)s))
        END
    )
    FROM (
        SELECT CASE
            WHEN known.failed_at < clock_timestamp() - %(forgotten_after)s THEN 1
            ELSE known.failures + 1
        END AS failures
    ) AS counted
)
WHERE known.locked_until <= clock_timestamp()
RETURNING failures
"""
