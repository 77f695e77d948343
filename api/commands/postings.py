"""Commands about postings: undoing one by its negation."""

from typing import Any, Literal

from api.asking import Told, ask
from api.books import Entry, Posting
from api.call import Call
from api.callers import ADMIN
from api.endpoint import Endpoint
from api.fields import Field, FieldTable
from api.kinds import text
from api.moments import past
from api.reply import Bare
from ledger.commands.asked import Loaded, Reveal
from ledger.commands.posting import ReversePosting
from ledger.entries import Entry as BookedEntry
from ledger.errors import Reason
from ledger.identity import new_id
from ledger.money import decimal_text

REASON_LENGTH_MAX = 255


async def reverse_posting(call: Call) -> Bare:
    """Book the exact negation of a posting."""
    command = ReversePosting(
        posting_id=call.path["id"],
        reversal_posting_id=new_id(),
        reason=call.body["reason"],
        effective_at=call.body.get("effective_at"),
    )
    return await ask(call, command, REVERSED)


def show_reversal(loaded: Loaded, reveal: Reveal) -> Posting:
    """Show the posting that undoes another."""
    reversal: Any = loaded.state
    posting, at = reversal.posting, loaded.inserted_at
    return Posting(
        id=posting.posting_id,
        kind=posting.kind,
        description=reveal(posting.description),
        reference=reveal(posting.reference),
        entries=[show_entry(each) for each in posting.entries],
        payment_id=posting.payment_id,
        transfer_id=posting.transfer_id,
        hold_id=posting.hold_id,
        reverses_posting_id=posting.reverses_posting_id,
        reversed_by_posting_id=None,
        reason=posting.reason,
        booked_at=at,
        position=reversal.position,
        inserted_at=at,
        updated_at=at,
    )


def show_entry(entry: BookedEntry) -> Entry:
    """Show one line to somebody who may see all accounts."""
    direction: Literal["CREDIT", "DEBIT"] = "CREDIT" if entry.amount > 0 else "DEBIT"
    return Entry(
        id=entry.entry_id,
        account_id=entry.account_id,
        account_code=entry.account_code,
        amount=decimal_text(abs(entry.amount), entry.currency),
        currency=entry.currency,
        direction=direction,
    )


REVERSED = Told(show=show_reversal, status=201, location="/api/postings/{id}", versioned=False)

REVERSAL = FieldTable(
    (
        Field("reason", text(1, REASON_LENGTH_MAX), required=True),
        Field("effective_at", past()),
    )
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/postings/{id}/reverse",
        handler=reverse_posting,
        who=ADMIN.or_service("transfers:write"),
        summary="Undo a posting by its exact negation",
        tag="Ledger",
        body=REVERSAL,
        keyed=True,
        status=201,
        data=Posting,
        reasons=(
            Reason.INSUFFICIENT_PERMISSIONS,
            Reason.POSTING_NOT_FOUND,
            Reason.POSTING_ALREADY_REVERSED,
            Reason.REVERSAL_NOT_ALLOWED,
            Reason.PERIOD_CLOSED,
            Reason.NEGATIVE_BALANCE,
            Reason.AMOUNT_EXCEEDS_LIMIT,
        ),
    ),
)
