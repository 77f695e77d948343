"""Commands about transfers: money moved between two accounts at once."""

from collections.abc import Mapping
from typing import Any

from api.asking import Told, ask
from api.call import Call, caller_id
from api.callers import CUSTOMER
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import currency, money, text, uuid
from api.moments import past
from api.reply import Bare
from api.shapes import Transfer
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.transfer import MakeTransfer
from ledger.errors import Reason
from ledger.events.event import Private
from ledger.identity import new_id
from ledger.money import decimal_text

DESCRIPTION_LENGTH_MAX = 255
REFERENCE_LENGTH_MAX = 140


async def make_transfer(call: Call) -> Bare:
    """Move money between two accounts, of two currencies by a quote."""
    return await ask(call, transfer_of(call.body, caller_id(call)), TRANSFERRED)


def transfer_of(body: Mapping[str, Any], writer: str) -> MakeTransfer:
    """Return the command that a body asks for; `writer` wrote its texts."""
    reference = body.get("reference")
    return MakeTransfer(
        transfer_id=new_id(),
        posting_id=new_id(),
        source_account_id=body["source_account_id"],
        destination_account_id=body["destination_account_id"],
        amount=body["amount"],
        currency=body.get("currency"),
        description=Private(body["description"], writer),
        reference=None if reference is None else Private(reference, writer),
        fx_quote_id=body.get("fx_quote_id"),
        effective_at=body.get("effective_at"),
    )


def show_transfer(loaded: Loaded, reveal: Reveal) -> Transfer:
    """Show a transfer as it was booked, and whether it was undone."""
    state: Any = loaded.state
    fact = state.transfer
    return Transfer(
        id=loaded.id,
        status="POSTED" if state.reversal_posting_id is None else "REVERSED",
        source_account_id=fact.source_account_id,
        destination_account_id=fact.destination_account_id,
        amount=decimal_text(fact.amount, fact.currency),
        currency=fact.currency,
        destination_amount=decimal_text(fact.destination_amount, fact.destination_currency),
        destination_currency=fact.destination_currency,
        rate=fact.rate,
        fx_quote_id=fact.fx_quote_id,
        description=reveal(fact.description),
        reference=reveal(fact.reference),
        posting_id=fact.posting_id,
        reversal_posting_id=state.reversal_posting_id,
        initiated_by=fact.initiated_by,
        posted_at=state.posted_at,
        version=loaded.version,
        inserted_at=loaded.inserted_at,
        updated_at=loaded.updated_at,
    )


TRANSFERRED = Told(show=show_transfer, status=201, location="/api/transfers/{id}")
MOVES_MONEY = CUSTOMER.or_service("transfers:write")

TRANSFER = FieldTable(
    (
        Field("source_account_id", uuid(), required=True),
        Field("destination_account_id", uuid(), required=True),
        Field("amount", money(), required=True),
        Field("currency", currency()),
        Field(
            "description",
            text(1, DESCRIPTION_LENGTH_MAX, Reason.INVALID_DESCRIPTION_FORMAT),
            required=True,
        ),
        Field("reference", text(1, REFERENCE_LENGTH_MAX, Reason.INVALID_REFERENCE_FORMAT)),
        Field("fx_quote_id", uuid()),
        Field("effective_at", past()),
    )
)
REFUSALS = (
    Reason.ACCOUNT_NOT_FOUND,
    Reason.QUOTE_NOT_FOUND,
    Reason.UNAUTHORIZED_ACCESS,
    Reason.SAME_ACCOUNT_TRANSFER,
    Reason.CURRENCY_MISMATCH,
    Reason.ACCOUNT_INACTIVE,
    Reason.ACCOUNT_FROZEN,
    Reason.ACCOUNT_SUSPENDED,
    Reason.AMOUNT_EXCEEDS_LIMIT,
    Reason.QUOTE_ALREADY_USED,
    Reason.QUOTE_EXPIRED,
    Reason.QUOTE_MISMATCH,
    Reason.INSUFFICIENT_FUNDS,
    Reason.DAILY_LIMIT_EXCEEDED,
    Reason.RAIL_UNAVAILABLE,
    Reason.PERIOD_CLOSED,
)
"""Why one transfer may be refused."""

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/transfers",
        handler=make_transfer,
        who=MOVES_MONEY,
        summary="Transfer money between two accounts",
        tag="Transfers",
        body=TRANSFER,
        keyed=True,
        status=201,
        data=Transfer,
        reasons=REFUSALS,
    ),
)
