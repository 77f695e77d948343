"""Holds as commands leave them: from the ledger's states to the shapes of the wire."""

from typing import Any

from api.books import Entry, Posting
from api.shapes import Hold, Shape
from ledger.commands.asked import Loaded, Reveal
from ledger.money import decimal_text


class Capture(Shape, frozen=True):
    """What a capture left of a hold, and what it booked."""

    hold: Hold
    posting: Posting


def version_of(loaded: Loaded) -> int:
    """Return the version of the hold that answers a command."""
    version: int = loaded.state.version
    return version


def show_hold(loaded: Loaded, reveal: Reveal) -> Hold:
    """Show a hold as it is once the command is done."""
    told: Any = loaded.state
    placed = told.placed

    def shown(minor: int) -> str:
        return decimal_text(minor, told.currency)

    return Hold(
        id=loaded.id,
        account_id=told.account_id,
        user_id=told.user_id,
        purpose=placed.purpose,
        status=told.status,
        amount=shown(placed.amount),
        captured_amount=shown(told.captured),
        remaining_amount=shown(told.remaining),
        currency=told.currency,
        description=reveal(placed.description),
        reference=reveal(placed.reference),
        destination_account_id=placed.destination_account_id,
        payment_id=placed.payment_id,
        placed_by=placed.placed_by,
        expires_at=placed.expires_at,
        version=told.version,
        inserted_at=told.placed_at,
        updated_at=told.changed_at,
    )


def show_capture(loaded: Loaded, reveal: Reveal) -> Capture:
    """Show a hold with the posting that its capture booked."""
    told = loaded.state.posting
    return Capture(
        hold=show_hold(loaded, reveal),
        posting=show_posting(told, reveal),
    )


def show_posting(told: Any, reveal: Reveal) -> Posting:
    """Show a posting to somebody who named all of its accounts."""
    fact = told.posting
    entries = [
        Entry(
            id=entry.entry_id,
            account_id=entry.account_id,
            account_code=entry.account_code,
            amount=decimal_text(abs(entry.amount), entry.currency),
            currency=entry.currency,
            direction="CREDIT" if entry.amount > 0 else "DEBIT",
        )
        for entry in fact.entries
    ]
    return Posting(
        id=fact.posting_id,
        kind=fact.kind,
        description=reveal(fact.description),
        reference=reveal(fact.reference),
        entries=entries,
        payment_id=fact.payment_id,
        transfer_id=fact.transfer_id,
        hold_id=fact.hold_id,
        reverses_posting_id=fact.reverses_posting_id,
        reversed_by_posting_id=None,
        reason=fact.reason,
        booked_at=told.booked_at,
        position=told.position,
        inserted_at=told.booked_at,
        updated_at=told.booked_at,
    )
