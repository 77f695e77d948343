"""Questions about the books as a whole."""

from api.books import TrialBalance
from api.call import Call
from api.callers import READER
from api.endpoint import Endpoint
from api.fields import Field
from api.kinds import currency
from api.reading import Reading
from api.reply import Reply
from projections import trial_balance


async def show_trial_balance(call: Call) -> Reply:
    """Show what every account of the house has taken in and given out, by currency."""
    only = call.query.get("currency")
    return Reply(data=await trial_balance.per_currency(call.use(Reading).pool, only))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/ledger/trial-balance",
        handler=show_trial_balance,
        who=READER.or_service("ledger:read"),
        summary="Show the trial balance",
        tag="Ledger",
        query=(Field("currency", currency()),),
        reads=("trial_balance",),
        data=list[TrialBalance],
    ),
)
