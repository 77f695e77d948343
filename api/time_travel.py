"""Time travel: which moment a question is about, and how an answer tells it (http.md §1.11)."""

from typing import Literal

import msgspec

from api.call import Call
from api.envelope import encoded, now_text
from api.fields import Faults, Field
from api.kinds import timestamp
from api.lists import ListMetadata
from api.parameters import position
from api.reading import Reading
from api.reply import Reply
from api.shapes import Shape, Time
from ledger.errors import Reason
from projections.items import Item
from projections.moments import Moment, moment_at, moment_of

AT, AT_POSITION = Field("at", timestamp()), Field("at_position", position())
TRAVEL = (AT, AT_POSITION)
"""The parameters of a question that may be about the past."""
KNOWN_AT = Field("known_at", timestamp())
"""As of when it was known; `at` is then the time from which things count (proof.md P-4)."""


class AsOf(Shape, frozen=True, omit_defaults=True):
    """The moment an answer is about, and the last event that had happened by then."""

    at: Time | None
    position: int
    known_at: Time | msgspec.UnsetType = msgspec.UNSET


class Travelled(Shape, frozen=True):
    """What is told beside an answer about the past."""

    as_of: AsOf | msgspec.UnsetType = msgspec.UNSET


class ListTravelled(ListMetadata, frozen=True):
    """The same beside the rows of a page."""

    as_of: AsOf | msgspec.UnsetType = msgspec.UNSET


class RetrievedThen(Travelled, frozen=True, kw_only=True):
    """The same for routes that also name what was done."""

    action: Literal["retrieved"]


async def asked_moment(call: Call) -> Moment | None:
    """Return the moment a question is about, None for now; take it out of the parameters.

    Refused: both ways to name one at once, the future, a position beyond the head of the log.
    """
    query = dict(call.query)
    at, place = query.pop("at", None), query.pop("at_position", None)
    call.query = query
    if at is not None and place is not None:
        refuse("at_position", Reason.UNKNOWN_PARAMETER, rule="at or at_position, not both")
    if at is None and place is None:
        return None
    refuse_future("at", at)
    async with call.use(Reading).pool.connection() as connection:
        if place is not None:
            return await moment_of(connection, place)
        return await moment_at(connection, at)


async def asked_knowledge(call: Call) -> tuple[Moment, Moment] | None:
    """Return the effective time asked for and when it is to have been known; None for now."""
    if "known_at" not in call.query:
        moment = await asked_moment(call)
        return None if moment is None else (moment, moment)
    if "at_position" in call.query:
        refuse("at_position", Reason.UNKNOWN_PARAMETER, rule="at goes with known_at")
    known_at, at = call.query["known_at"], call.query.get("at", now_text())
    refuse_future("at", at)
    refuse_future("known_at", known_at)
    async with call.use(Reading).pool.connection() as connection:
        known = await moment_at(connection, known_at)
        return await moment_at(connection, at), known


def refuse_future(name: str, told: str | None) -> None:
    """Refuse a time that has not come yet."""
    if told is not None and told > now_text():
        refuse(name, Reason.INVALID_DATETIME_FORMAT, rule="not in the future")


def refuse(name: str, reason: Reason, **facts: str) -> None:
    """Refuse a parameter in the way all bad parameters are told."""
    faults = Faults()
    faults.add(name, reason, facts)
    faults.tell()


def then(item: Item, moment: Moment, **metadata: str) -> Reply:
    """Return a record as it was. It has no tag: no command can be meant for what is past."""
    return Reply(data=item.data, metadata=encoded({**metadata, "as_of": as_of(moment)}))


def as_of(moment: Moment, known: Moment | None = None) -> AsOf:
    """Return how a moment is told; before the first event it has no time of its own."""
    if known is None:
        return AsOf(at=moment.at or None, position=moment.position)
    return AsOf(at=moment.at, position=known.position, known_at=known.at)
