"""Decisions about discrepancies: found once, resolved by both sides agreeing or by an admin."""

from ledger.aggregates import account
from ledger.aggregates.account_states import Open as OpenAccount
from ledger.aggregates.discrepancy import Finding, Open, Unfound, finding_of
from ledger.aggregates.payment import Completed
from ledger.commands.account import CorrectAccount
from ledger.commands.reconciliation import ReportMissingPayment, ResolveDiscrepancy
from ledger.decisions.accounts import open_state
from ledger.decisions.system_side import entries_against
from ledger.decisions.view import Claim, View
from ledger.errors import Reason, Refused
from ledger.events.posting import PostingBooked
from ledger.events.reconciliation import (
    BalanceDiscrepancyFound,
    DiscrepancyResolved,
    FoundEvent,
    PaymentMissingAtBank,
)
from ledger.identity import derived_id, numbered_id
from ledger.policies import access

OPEN = "discrepancy"


def find(view: View, discrepancy_id: str, found: FoundEvent) -> None:
    """Record a discrepancy, unless one of its kind is open for the same account or payment."""
    key = finding_of(found).key
    if view.claim(OPEN, key) is not None:
        return
    view.begin(f"reconciliation-{discrepancy_id}")
    view.record(f"reconciliation-{discrepancy_id}", found)
    view.change_claim(OPEN, key, Claim(discrepancy_id))


def compare_balance(view: View, discrepancy_id: str, found: BalanceDiscrepancyFound) -> None:
    """Open, replace or close what is open about the balance of an account.

    Other figures than last time are another discrepancy: the one before is resolved by itself.
    """
    finding = finding_of(found)
    held = view.claim(OPEN, finding.key)
    if held is not None:
        stream = f"reconciliation-{held.holder}"
        known = view.state(stream)
        assert isinstance(known, Open), "a claim is held while a discrepancy is open"
        if known.finding == finding:
            return
        view.record(stream, DiscrepancyResolved())
        view.change_claim(OPEN, finding.key, None)
    if found.ledger != found.reported:
        find(view, discrepancy_id, found)


def resolve_discrepancy(view: View, command: ResolveDiscrepancy) -> str:
    """End a discrepancy with a note, and book its difference when that is asked for."""
    access.may_resolve_discrepancy(view.caller)
    stream = f"reconciliation-{command.discrepancy_id}"
    known = view.state(stream)
    if isinstance(known, Unfound):
        raise Refused(Reason.DISCREPANCY_NOT_FOUND, field="id")
    view.match_version(stream)
    if not isinstance(known, Open):
        raise Refused(Reason.ALREADY_PROCESSED, status="RESOLVED")
    if command.adjust:
        adjust(view, command, known.finding)
    view.record(
        stream,
        DiscrepancyResolved(
            note=command.note,
            by=view.caller.id or view.caller.type,
            posting_id=command.posting_id if command.adjust else None,
        ),
    )
    view.release(OPEN, known.finding.key, command.discrepancy_id)
    return stream


def adjust(view: View, command: ResolveDiscrepancy, found: Finding) -> None:
    """Book the difference on the account, against what its bank's clearing says."""
    difference, state = found.difference, open_state(view, found.account_id)
    access.may_adjust_books(view.caller, state.user_id)
    if not difference:
        raise Refused(Reason.REVERSAL_NOT_ALLOWED, kind=found.kind)
    amount = signed(view, found, difference)
    posting_id = command.posting_id
    book_against_clearing(view, command, state, found.account_id, amount)
    correction = CorrectAccount(
        account_id=found.account_id,
        posting_id=posting_id,
        entry_id=numbered_id(posting_id, 1),
        amount=amount,
        undone_id="",
        uncounted=0,
        now=view.now,
    )
    stream = f"account-{found.account_id}"
    view.record(stream, *account.decide(state, correction))


def signed(view: View, found: Finding, difference: int) -> int:
    """Return by how much an account has to change; payments out are told without a sign."""
    if found.kind != "AMOUNT_MISMATCH":
        return difference
    payment = view.state(f"payment-{found.payment_id}")
    if not isinstance(payment, Completed):
        raise Refused(Reason.REVERSAL_NOT_ALLOWED, kind=found.kind)
    return difference if payment.terms.direction == "CREDIT" else -difference


def book_against_clearing(
    view: View, command: ResolveDiscrepancy, state: OpenAccount, account_id: str, amount: int
) -> None:
    """Record the posting of an adjustment; the account's own side is recorded by the caller."""
    posting_id = command.posting_id
    entries = entries_against(
        state.clearing,
        posting_id=posting_id,
        account_id=account_id,
        amount=amount,
        currency=state.currency,
    )
    view.begin(f"posting-{posting_id}")
    booked = PostingBooked(
        posting_id=posting_id, kind="ADJUSTMENT", entries=entries, reason=command.note
    )
    view.record(f"posting-{posting_id}", booked)


def report_missing_payment(view: View, command: ReportMissingPayment) -> str:
    """Record that a completed payment is not in its bank's history."""
    stream = f"payment-{command.payment_id}"
    known = view.state(stream)
    if isinstance(known, Completed) and known.terms.rail != "book":
        terms = known.terms
        missing = PaymentMissingAtBank(
            payment_id=command.payment_id,
            account_id=terms.user_bank_account_id,
            amount=terms.amount,
            currency=terms.currency,
        )
        find(view, derived_id("discrepancy", "missing", command.payment_id), missing)
    return stream
