"""Decisions that end a payment: booked once, or failed and its hold released (ledger.md §6.4)."""

from datetime import timedelta

from ledger.aggregates import account
from ledger.aggregates.payment import (
    Completed,
    Failed,
    Processing,
    Uncreated,
    refuse_unless_pending,
)
from ledger.commands.account import CaptureHold, CreditAccount, ReleaseHold
from ledger.commands.payment import CompletePayment, FailPayment
from ledger.decisions import unfinished
from ledger.decisions.accounts import open_state
from ledger.decisions.payments import fingerprint
from ledger.decisions.view import Claim, View
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.payment import PaymentCompleted, PaymentCreated, PaymentFailed
from ledger.events.posting import PostingBooked
from ledger.identity import numbered_id
from ledger.policies.duplicates import FINGERPRINT
from ledger.times import later


def complete_payment(view: View, command: CompletePayment) -> str:
    """Capture the hold, book the posting and complete the payment; a second time does nothing."""
    stream = f"payment-{command.payment_id}"
    state = view.state(stream)
    match state:
        case Completed():
            return stream
        case Uncreated():
            raise Refused(Reason.PAYMENT_NOT_FOUND)
        case Processing():
            book(view, command, state)
        case _:
            raise Refused(Reason.ALREADY_PROCESSED)
    view.record(
        stream,
        PaymentCompleted(
            posting_id=command.posting_id,
            external_transaction_id=command.external_transaction_id,
            posted_at=view.now,
        ),
    )
    unfinished.settled(view, state.terms)
    keep_fingerprint(view, command.payment_id, state.terms)
    return stream


def book(view: View, command: CompletePayment, state: Processing) -> None:
    """Record both sides and the posting that balances them."""
    terms, posting_id = state.terms, command.posting_id
    source = open_state(view, terms.user_bank_account_id)
    entries = payment_entries(terms, posting_id, source.clearing)
    view.begin(f"posting-{posting_id}")
    view.record(
        f"posting-{posting_id}",
        PostingBooked(
            posting_id=posting_id,
            kind=terms.payment_type,
            entries=entries,
            description=terms.description,
            reference=terms.reference,
            payment_id=command.payment_id,
            hold_id=state.hold_id,
        ),
    )
    for entry in entries:
        if entry.account_id is not None:
            move(view, entry.account_id, entry, posting_id, state.hold_id)


def move(view: View, account_id: str, entry: Entry, posting_id: str, hold_id: str | None) -> None:
    """Record one entry on its customer account: a captured hold, or a credit."""
    stream = f"account-{account_id}"
    command: CaptureHold | CreditAccount
    if entry.amount < 0:
        assert hold_id is not None, "money leaves by a payment only through its hold"
        command = CaptureHold(
            account_id=account_id,
            hold_id=hold_id,
            amount=-entry.amount,
            posting_id=posting_id,
            entry_id=entry.entry_id,
        )
    else:
        command = CreditAccount(
            account_id=account_id,
            posting_id=posting_id,
            entry_id=entry.entry_id,
            amount=entry.amount,
        )
    view.record(stream, *account.decide(view.state(stream), command))


def payment_entries(terms: PaymentCreated, posting_id: str, clearing: str) -> tuple[Entry, Entry]:
    """Return the two sides of a payment (ledger.md §4): what leaves first, what arrives second."""
    out, into = numbered_id(posting_id, 1), numbered_id(posting_id, 2)
    own, amount, currency = terms.user_bank_account_id, terms.amount, terms.currency
    leaves = Entry(entry_id=out, account_id=own, amount=-amount, currency=currency)
    if terms.direction == "CREDIT":
        source = Entry(entry_id=out, account_code=clearing, amount=-amount, currency=currency)
        return source, Entry(entry_id=into, account_id=own, amount=amount, currency=currency)
    if terms.destination_account_id is None:
        return leaves, Entry(entry_id=into, account_code=clearing, amount=amount, currency=currency)
    destination = terms.destination_account_id
    return leaves, Entry(entry_id=into, account_id=destination, amount=amount, currency=currency)


def keep_fingerprint(view: View, payment_id: str, terms: PaymentCreated) -> None:
    """Let the duplicate rule see a completed payment until its window has passed."""
    if not view.rules.detect_duplicates:
        return
    window = timedelta(seconds=view.rules.duplicate_window_seconds)
    claim = Claim(payment_id, later(view.now, window))
    key = fingerprint(view, terms)
    held = view.claim(FINGERPRINT, key)
    if held is None or held.holder == payment_id:
        view.take(FINGERPRINT, key, claim, Reason.DUPLICATE_TRANSACTION)


def fail_payment(view: View, command: FailPayment) -> str:
    """Give the hold back and end the payment; a second time does nothing."""
    stream = f"payment-{command.payment_id}"
    state = view.state(stream)
    if isinstance(state, Failed):
        return stream
    if not isinstance(state, Processing):
        refuse_unless_pending(state)
        raise Refused(Reason.ALREADY_PROCESSED)
    if state.submissions and command.reason == Reason.PROCESSING_CANCELLED:
        raise Refused(Reason.JOB_NOT_CANCELLABLE, submissions=state.submissions)
    if state.hold_id is not None:
        give_back(view, state.terms.user_bank_account_id, state.hold_id)
    view.record(
        stream,
        PaymentFailed(reason=command.reason, category=command.category, attempts=command.attempts),
    )
    unfinished.settled(view, state.terms)
    if view.rules.detect_duplicates:
        view.release(FINGERPRINT, fingerprint(view, state.terms), command.payment_id)
    return stream


def give_back(view: View, account_id: str, hold_id: str) -> None:
    """Release the hold of a payment that failed."""
    stream = f"account-{account_id}"
    release = ReleaseHold(account_id=account_id, hold_id=hold_id, cause="payment_failed")
    view.record(stream, *account.decide(view.state(stream), release))
