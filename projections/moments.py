"""Moments: where an instant or a position lies in the log, at the end of a whole command."""

import msgspec
from psycopg import AsyncConnection

from ledger.errors import Reason, Refused
from projections.log import END_OF_TIME

BEGINNING = ""
"""Earlier than any time in the log."""


class Moment(msgspec.Struct, frozen=True):
    """`position`: of the last event that had happened by `at`; both as of whole commands.

    `recorded_at` is the time of that event, or earlier than any when there is none.
    """

    at: str
    position: int
    recorded_at: str


async def moment_at(connection: AsyncConnection, at: str) -> Moment:
    """Return the moment of an instant (RFC 3339 text as in the log)."""
    row = await (await connection.execute(AT, (at,))).fetchone()
    return Moment(at, row[0], row[1]) if row else Moment(at, 0, BEGINNING)


async def moment_of(connection: AsyncConnection, position: int) -> Moment:
    """Return the moment of a position; refused beyond the head of the log.

    Inside a command it is the moment before that command.
    """
    told = min(position, END_OF_TIME)
    row = await (await connection.execute(OF, (told,))).fetchone()
    if row is not None:
        return Moment(row[1], row[0], row[1])
    head = await (await connection.execute(HEAD)).fetchone()
    if head is None or told > head[0]:
        raise Refused(Reason.INVALID_POSITION, head=head and head[0])
    return Moment(BEGINNING, 0, BEGINNING)


AT = """
SELECT position, recorded_at FROM log.events WHERE position = log.boundary(log.position_at(%s))
"""
OF = "SELECT position, recorded_at FROM log.events WHERE position = log.boundary(%s)"
HEAD = "SELECT position FROM log.head"
