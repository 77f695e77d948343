"""Decisions that turn a client's hold into money moved: one posting per capture (§5.3)."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Hold, Open
from ledger.aggregates.posting import Booked
from ledger.commands.account import CaptureHold, CreditAccount
from ledger.commands.hold import CaptureClientHold
from ledger.decisions.accounts import open_state
from ledger.decisions.holds import (
    Found,
    PostingTold,
    ended,
    found_hold,
    left,
    refuse_destination,
    tell,
)
from ledger.decisions.standing import refuse_standing
from ledger.decisions.view import View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.posting import PostingBooked
from ledger.identity import numbered_id
from ledger.money import parse_positive
from ledger.policies import access


def capture_client_hold(view: View, command: CaptureClientHold) -> str | Refused:
    """Move what was promised, or a part of it; a part leaves the rest promised unless final."""
    found = found_hold(view, command.hold_id)
    named = command.destination_account_id
    if named is not None:
        open_state(view, named)
    access.may_capture_hold(view.caller, found.place.placed_by)
    view.match(found.version)
    if found.hold is None:
        return ended(found)
    if isinstance(view.begin(f"posting-{command.posting_id}"), Booked):
        return tell(view, found, found.hold)
    destination_id = named or found.hold.placed.destination_account_id
    if destination_id is None:
        raise Refused(Reason.MISSING_FIELDS, field="destination_account_id")
    destination = open_state(view, destination_id)
    same = destination_id == found.place.account_id
    refuse_destination(found.account, destination, same=same)
    refuse_standing(view, found.account, "COMPLETION")
    refuse_standing(view, destination, "CREDIT")
    amount = amount_of(view, command, found.account, found.hold)
    posting = book_capture(view, command, found, destination_id, amount)
    still = open_state(view, found.place.account_id).holds.get(command.hold_id)
    return left(view, found, found.hold, "CAPTURED" if still is None else "ACTIVE", posting)


def amount_of(view: View, command: CaptureClientHold, source: Open, hold: Hold) -> int:
    """Return what is captured in minor units: all that remains unless an amount is named."""
    if command.amount is None:
        return hold.remaining
    smallest = min(view.rules.smallest(source.currency), hold.remaining)
    return parse_positive(command.amount, source.currency, smallest)


def book_capture(
    view: View, command: CaptureClientHold, found: Found, destination_id: str, amount: int
) -> PostingTold:
    """Record the posting, the captured hold and the credit; return the posting."""
    source_id, posting_id = found.place.account_id, command.posting_id
    booked = captured(command, found, destination_id, amount)
    out, into = booked.entries
    capture = CaptureHold(
        account_id=source_id,
        hold_id=command.hold_id,
        amount=amount,
        posting_id=posting_id,
        entry_id=out.entry_id,
        final=command.final,
    )
    credit = CreditAccount(
        account_id=destination_id,
        posting_id=posting_id,
        entry_id=into.entry_id,
        amount=amount,
    )
    left_by = account.decide(found.account, capture)
    credited = account.decide(open_state(view, destination_id), credit)
    view.record(f"posting-{posting_id}", booked)
    told = PostingTold(booked, view.now, view.position)
    view.record(f"account-{source_id}", *left_by)
    view.record(f"account-{destination_id}", *credited)
    return told


def captured(
    command: CaptureClientHold, found: Found, destination_id: str, amount: int
) -> PostingBooked:
    """Return the posting of a capture: what leaves first, what arrives second."""
    assert found.hold is not None, "only a hold that is there is captured"
    posting_id, currency = command.posting_id, found.account.currency
    return PostingBooked(
        posting_id=posting_id,
        kind="TRANSFER",
        entries=(
            Entry(
                entry_id=numbered_id(posting_id, 1),
                account_id=found.place.account_id,
                amount=-amount,
                currency=currency,
            ),
            Entry(
                entry_id=numbered_id(posting_id, 2),
                account_id=destination_id,
                amount=amount,
                currency=currency,
            ),
        ),
        description=found.hold.placed.description,
        reference=found.hold.placed.reference,
        hold_id=command.hold_id,
    )
