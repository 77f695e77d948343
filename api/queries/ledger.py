"""Questions about the books as a whole: what they say now, and what they said at any moment."""

import msgspec

from api.books import ChartLine, Moment, Period, TrialBalance
from api.call import Call
from api.callers import READER
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.fields import Field
from api.kinds import currency
from api.moments import past
from api.parameters import position
from api.reading import Reading
from api.reply import Reply
from api.shapes import Shape
from ledger.errors import Reason, Refused
from projections import periods, trial_balance, trial_balance_past

AUDITS = READER.or_service("ledger:read")
DESCRIPTIONS = {
    "customers": "All accounts of customers.",
    "clearing": "The outside world as seen through one bank.",
    "opening": "Counterpart of opening balances.",
    "fx": "Position of the house in this currency.",
    "fees": "Counterpart of fees.",
}


class AsOf(Shape, frozen=True):
    """What is told beside an answer about the past."""

    as_of: Moment | msgspec.UnsetType = msgspec.UNSET


class Code(msgspec.Struct, frozen=True):
    """A code of the chart as the read model keeps it."""

    code: str
    kind: str
    currency: str
    accounts: int


async def show_trial_balance(call: Call) -> Reply:
    """Show what every account of the house has taken in and given out, now or as it was."""
    pool, asked = call.use(Reading).pool, call.query
    only, at, known_at = asked.get("currency"), asked.get("at"), asked.get("known_at")
    if "at_position" in asked:
        refuse_two_ways(call)
        moment, recorded_at = await trial_balance_past.moment_of(pool, asked["at_position"])
        as_of = Moment(recorded_at, recorded_at, moment.position)
    elif at or known_at:
        at, known_at = at or known_at or now_text(), known_at or at or now_text()
        moment = await trial_balance_past.moment_at(pool, at, known_at)
        as_of = Moment(at, known_at, moment.known)
    else:
        return Reply(data=await trial_balance.per_currency(pool, only))
    totals = await trial_balance_past.totals_at(pool, moment)
    shown = trial_balance_past.shown(totals, only)
    return Reply(data=encoded(shown), metadata=encoded(AsOf(as_of)))


def refuse_two_ways(call: Call) -> None:
    """Refuse to be asked for a position and for a time."""
    for name in ("at", "known_at"):
        if name in call.query:
            raise Refused(Reason.UNKNOWN_PARAMETER, parameter=name, excludes="at_position")


async def show_chart(call: Call) -> Reply:
    """Show the chart of accounts."""
    content = await trial_balance.chart(call.use(Reading).pool)
    codes = msgspec.json.decode(content, type=list[Code])
    lines = [
        {**msgspec.structs.asdict(each), "description": DESCRIPTIONS[each.kind]} for each in codes
    ]
    return Reply(data=encoded(lines))


async def list_periods(call: Call) -> Reply:
    """List the months that were sealed, or added to after their end."""
    return Reply(data=await periods.every(call.use(Reading).pool))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/ledger/trial-balance",
        handler=show_trial_balance,
        who=AUDITS,
        summary="Show the trial balance, now or as it was",
        tag="Ledger",
        query=(
            Field("currency", currency()),
            Field("at", past()),
            Field("at_position", position()),
            Field("known_at", past()),
        ),
        reads=("trial_balance", "restatements"),
        data=list[TrialBalance],
        metadata=AsOf,
    ),
    Endpoint(
        method="GET",
        path="/api/ledger/chart",
        handler=show_chart,
        who=AUDITS,
        summary="Show the chart of accounts",
        tag="Ledger",
        query=(),
        reads=("trial_balance",),
        data=list[ChartLine],
    ),
    Endpoint(
        method="GET",
        path="/api/ledger/periods",
        handler=list_periods,
        who=AUDITS,
        summary="List the periods that were closed or restated",
        tag="Ledger",
        query=(),
        reads=("periods",),
        data=list[Period],
    ),
)
