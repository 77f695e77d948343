"""Commands about FX quotes: a rate locked for one transfer."""

from collections.abc import Mapping
from typing import Any

from api.asking import Told, ask
from api.books import Quote
from api.call import Call
from api.callers import CUSTOMER
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import currency, money
from api.rates import Rates
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.quote import IssueQuote
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from ledger.money import decimal_text, parse_positive
from ledger.policies.exchange import rate_text

AMOUNTS = ("source_amount", "destination_amount")


async def issue_quote(call: Call) -> Bare:
    """Lock today's rate and both amounts for a moment."""
    body, rates = call.body, call.use(Rates)
    refuse_all_but_one(body)
    source, destination = body["source_currency"], body["destination_currency"]
    table = rates.current()
    rate = table.rate(source, destination)
    if rate is None:
        raise Refused(
            Reason.UNSUPPORTED_CURRENCY_PAIR,
            source_currency=source,
            destination_currency=destination,
        )
    command = IssueQuote(
        quote_id=new_id(),
        source_currency=source,
        destination_currency=destination,
        source_amount=minor(body, "source_amount", source),
        destination_amount=minor(body, "destination_amount", destination),
        rate=rate_text(rate),
        rate_source=table.source,
        rate_as_of=table.as_of,
        lasts_seconds=rates.quote_seconds,
    )
    return await ask(call, command, ISSUED)


def refuse_all_but_one(body: Mapping[str, Any]) -> None:
    """Refuse to be told both amounts, or none."""
    given = [name for name in AMOUNTS if name in body]
    if not given:
        raise Refused(Reason.MISSING_FIELDS, field=AMOUNTS[0], any_of=list(AMOUNTS))
    if len(given) > 1:
        raise Refused(Reason.INVALID_FIELD_VALUE, field=AMOUNTS[1], excludes=AMOUNTS[0])


def minor(body: Mapping[str, Any], field: str, code: str) -> int | None:
    """Return the amount that was given in minor units of its currency."""
    return parse_positive(body[field], code, field=field) if field in body else None


def show_quote(loaded: Loaded, _: Reveal) -> Quote:
    """Show a quote that was just issued."""
    state: Any = loaded.state
    fact = state.quote
    return Quote(
        id=loaded.id,
        source_currency=fact.source_currency,
        destination_currency=fact.destination_currency,
        source_amount=decimal_text(fact.source_amount, fact.source_currency),
        destination_amount=decimal_text(fact.destination_amount, fact.destination_currency),
        rate=fact.rate,
        rate_source=fact.rate_source,
        rate_as_of=fact.rate_as_of,
        status="OPEN",
        expires_at=fact.expires_at,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


ISSUED = Told(show=show_quote, status=201, location="/api/fx/quotes/{id}", versioned=False)

QUOTE = FieldTable(
    (
        Field("source_currency", currency(), required=True),
        Field("destination_currency", currency(), required=True),
        Field("source_amount", money(currency_field="source_currency")),
        Field("destination_amount", money(currency_field="destination_currency")),
    )
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/fx/quotes",
        handler=issue_quote,
        who=CUSTOMER.or_service("transfers:write"),
        summary="Lock a rate for one transfer",
        tag="FX",
        body=QUOTE,
        keyed=True,
        status=201,
        data=Quote,
        reasons=(Reason.UNSUPPORTED_CURRENCY_PAIR, Reason.AMOUNT_EXCEEDS_LIMIT),
    ),
)
