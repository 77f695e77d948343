"""Decisions that undo a posting by its exact negation; nothing is ever changed (ledger.md §4)."""

import msgspec
from msgspec.structs import replace

from ledger.aggregates import account
from ledger.aggregates.posting import Booked, Reversed, Transferred, Unbooked
from ledger.aggregates.user import Registered
from ledger.commands.account import CorrectAccount
from ledger.commands.posting import ReversePosting
from ledger.decisions.accounts import open_state
from ledger.decisions.periods import refuse_back_dating, refuse_closed, restate
from ledger.decisions.view import Claim, View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.account import AccountEvent
from ledger.events.payment import PaymentReversed
from ledger.events.posting import PostingBooked, PostingReversed
from ledger.events.recorded import SYSTEM
from ledger.events.transfer import TransferReversed
from ledger.identity import numbered_id
from ledger.policies import access
from ledger.times import utc_day

POSTING_REVERSAL = "posting_reversal"
"""The namespace of the claim that a posting's only reversal takes."""
FINAL_KINDS = frozenset({"REVERSAL", "IMPORT"})


class Reversal(msgspec.Struct, frozen=True):
    """The posting that undoes another, with its place in the log."""

    posting: PostingBooked
    position: int


def reverse_posting(view: View, command: ReversePosting) -> str:
    """Book the negation of a posting, once, and tell whatever led to it."""
    stream = f"posting-{command.posting_id}"
    state = view.state(stream)
    if isinstance(state, Reversed) and state.reversal_posting_id == command.reversal_posting_id:
        return f"posting-{command.reversal_posting_id}"
    booked = reversible(view, command, state)
    entries = tuple(
        negated(entry, command.reversal_posting_id, ordinal)
        for ordinal, entry in enumerate(booked.posting.entries, 1)
    )
    refuse_closed(view, command.effective_at)
    corrected = {
        entry.account_id: corrections(view, command, booked, entry)
        for entry in entries
        if entry.account_id is not None
    }
    view.effective_at = command.effective_at
    posting = negation(command, booked.posting, entries)
    told = Reversal(posting, view.position + 1)
    record(view, command, posting, corrected)
    tell_origin(view, command, booked.posting)
    return view.tell(f"reversal-{command.reversal_posting_id}", told)


def reversible(view: View, command: ReversePosting, state: object) -> Booked:
    """Return a posting that may be reversed: known, not one's own, not yet reversed, open."""
    if isinstance(state, Unbooked):
        raise Refused(Reason.POSTING_NOT_FOUND, field="id")
    assert isinstance(state, Booked | Reversed)
    customers = [each.account_id for each in state.posting.entries if each.account_id is not None]
    owners = [open_state(view, account_id).user_id for account_id in customers]
    access.may_reverse_posting(view.caller, *owners)
    refuse_back_dating(view, command.effective_at)
    if isinstance(state, Reversed):
        raise Refused(
            Reason.POSTING_ALREADY_REVERSED, reversed_by_posting_id=state.reversal_posting_id
        )
    if state.posting.kind in FINAL_KINDS:
        raise Refused(Reason.REVERSAL_NOT_ALLOWED, kind=state.posting.kind)
    return state


def corrections(
    view: View, command: ReversePosting, booked: Booked, entry: Entry
) -> list[AccountEvent]:
    """Return what undoing one entry does to its customer's account."""
    assert entry.account_id is not None, "only customers' accounts are corrected"
    correction = CorrectAccount(
        account_id=entry.account_id,
        posting_id=command.reversal_posting_id,
        entry_id=entry.entry_id,
        amount=entry.amount,
        undone_id=command.posting_id,
        uncounted=uncounted(view, booked, entry),
        now=view.now,
    )
    return account.decide(open_state(view, entry.account_id), correction)


def uncounted(view: View, booked: Booked, entry: Entry) -> int:
    """Return what a transfer counted against its source's limit, if that day is not over (§5.1)."""
    transfer_id = booked.posting.transfer_id
    if transfer_id is None or utc_day(booked.booked_at) != utc_day(view.now):
        return 0
    transfer = view.state(f"transfer-{transfer_id}")
    assert isinstance(transfer, Transferred), "its posting names it"
    fact = transfer.transfer
    source = open_state(view, fact.source_account_id)
    destination = open_state(view, fact.destination_account_id)
    limited = source.user_id != destination.user_id and was_limited(view, fact.initiated_by)
    return fact.amount if limited and entry.account_id == fact.source_account_id else 0


def was_limited(view: View, initiated_by: str) -> bool:
    """Say whether daily limits applied to who made a transfer: to services they do not."""
    if initiated_by == SYSTEM.type:
        return True
    return isinstance(view.state(f"user-{initiated_by}"), Registered)


def negated(entry: Entry, posting_id: str, ordinal: int) -> Entry:
    """Return the entry that undoes `entry`."""
    return replace(entry, entry_id=numbered_id(posting_id, ordinal), amount=-entry.amount)


def negation(
    command: ReversePosting, undone: PostingBooked, entries: tuple[Entry, ...]
) -> PostingBooked:
    """Return the posting that undoes another; it belongs to no transfer, payment or hold."""
    return PostingBooked(
        posting_id=command.reversal_posting_id,
        kind="REVERSAL",
        entries=entries,
        description=undone.description,
        reference=undone.reference,
        reverses_posting_id=undone.posting_id,
        reason=command.reason,
    )


def record(
    view: View,
    command: ReversePosting,
    posting: PostingBooked,
    corrected: dict[str, list[AccountEvent]],
) -> None:
    """Record the reversal on both postings and on every account it touches."""
    claim = Claim(command.reversal_posting_id)
    view.take(POSTING_REVERSAL, command.posting_id, claim, Reason.POSTING_ALREADY_REVERSED)
    view.begin(f"posting-{posting.posting_id}")
    view.record(f"posting-{posting.posting_id}", posting)
    for account_id, events in corrected.items():
        view.record(f"account-{account_id}", *events)
    undone = PostingReversed(reversal_posting_id=posting.posting_id)
    view.record(f"posting-{command.posting_id}", undone)
    restate(view, command.effective_at, posting.posting_id)


def tell_origin(view: View, command: ReversePosting, undone: PostingBooked) -> None:
    """Tell the transfer or the payment behind a posting that it was undone."""
    posting_id = command.reversal_posting_id
    if undone.transfer_id is not None:
        view.record(f"transfer-{undone.transfer_id}", TransferReversed(posting_id=posting_id))
    if undone.payment_id is not None:
        view.record(f"payment-{undone.payment_id}", PaymentReversed(posting_id=posting_id))
