"""Questions about currencies: what a quote has become, and today's rates."""

from api.books import ExchangeRate, Quote
from api.call import Call
from api.callers import HUMAN
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.rates import Rates
from api.reading import Reading
from api.reply import Reply
from ledger.errors import Reason, Refused
from ledger.policies import access
from ledger.policies.exchange import rate_text
from projections import quotes

ASKS = HUMAN.or_service("transfers:write")


async def show_quote(call: Call) -> Reply:
    """Show a quote to whoever asked for it."""
    found = await quotes.one(call.use(Reading).pool, call.path["id"], now_text())
    if found is None:
        raise Refused(Reason.QUOTE_NOT_FOUND, field="id")
    if call.principal.id not in found.owners:
        access.may_read_quote(call.principal.actor, *found.owners)
    return Reply(data=found.data)


async def list_rates(call: Call) -> Reply:
    """List what one unit of the base is worth in every currency that can be exchanged."""
    table = call.use(Rates).current()
    rates = [
        ExchangeRate(table.base, currency, rate_text(rate), table.source, table.as_of)
        for currency, rate in sorted(table.rates.items())
        if currency != table.base
    ]
    return Reply(data=encoded(rates))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/fx/quotes/{id}",
        handler=show_quote,
        who=ASKS,
        summary="Show a quote",
        tag="FX",
        query=(),
        reads=("quotes",),
        data=Quote,
        reasons=(Reason.INSUFFICIENT_PERMISSIONS, Reason.QUOTE_NOT_FOUND),
    ),
    Endpoint(
        method="GET",
        path="/api/fx/rates",
        handler=list_rates,
        who=HUMAN.or_service(),
        summary="List exchange rates",
        tag="FX",
        query=(),
        data=list[ExchangeRate],
    ),
)
