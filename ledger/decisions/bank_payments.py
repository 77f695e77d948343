"""Decisions about our own payments as an outside bank tells of them: matched, settled, too late."""

from ledger.aggregates.payment import Cancelled, Completed, Failed, Payment, Processing
from ledger.commands.connection import BankLine
from ledger.commands.payment import CompletePayment
from ledger.decisions.reconciliations import find
from ledger.decisions.settlements import complete_payment
from ledger.decisions.view import Claim, View
from ledger.events.payment import PaymentCreated
from ledger.events.reconciliation import AmountMismatchFound, LateSettlementFound
from ledger.identity import derived_id, is_id

EXTERNAL_ID = "payment_external_id"


def match_payment(view: View, account_id: str, line: BankLine) -> str | None:
    """Return which of our payments from this account a booked line is, dealt with; else None.

    One that is under way is completed by it. One that had ended otherwise is a discrepancy.
    """
    payment_id = line.payment_id if line.payment_id and is_id(line.payment_id) else None
    if payment_id is None:
        return None
    state: Payment = view.state(f"payment-{payment_id}")
    if not isinstance(state, Processing | Completed | Failed | Cancelled):
        return None
    terms = state.terms
    if terms.user_bank_account_id != account_id or terms.rail == "book":
        return None
    view.change_claim(EXTERNAL_ID, f"{terms.rail}/{line.external_id}", Claim(payment_id))
    settle(view, payment_id, state, line)
    return payment_id


def settle(
    view: View, payment_id: str, state: Processing | Completed | Failed | Cancelled, line: BankLine
) -> None:
    """Do what a booked line means for the payment that it is."""
    if signed_amount(state.terms) != line.amount:
        return mismatched(view, payment_id, state.terms, abs(line.amount))
    match state:
        case Completed():
            return None
        case Processing():
            complete_payment(
                view,
                CompletePayment(
                    payment_id=payment_id,
                    posting_id=derived_id("posting", payment_id),
                    external_transaction_id=line.external_id,
                ),
            )
            return None
        case Failed() | Cancelled():
            return came_late(view, payment_id, state.terms)


def signed_amount(terms: PaymentCreated) -> int:
    """Return what a payment does to its account, in minor units."""
    return terms.amount if terms.direction == "CREDIT" else -terms.amount


def mismatched(view: View, payment_id: str, terms: PaymentCreated, reported: int) -> None:
    """Record that the other side names another amount, both without a sign."""
    found = AmountMismatchFound(
        payment_id=payment_id,
        account_id=terms.user_bank_account_id,
        ledger=terms.amount,
        reported=reported,
        currency=terms.currency,
    )
    find(view, derived_id("discrepancy", "amount", payment_id, view.now), found)


def came_late(view: View, payment_id: str, terms: PaymentCreated) -> None:
    """Record that a rail settled what had ended without."""
    found = LateSettlementFound(
        payment_id=payment_id,
        account_id=terms.user_bank_account_id,
        amount=terms.amount,
        currency=terms.currency,
    )
    find(view, derived_id("discrepancy", "late", payment_id, view.now), found)
