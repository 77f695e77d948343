"""Payments as they are shown: from the ledger's states to the shapes of the wire."""

from typing import Any, Literal

import msgspec

from api.commands.accounts import show_account
from api.shapes import Account, Payment, Shape
from ledger.commands.asked import Loaded, Reveal
from ledger.errors import Refused
from ledger.money import decimal_text
from ledger.policies.limits import Rules


class ValidationError(Shape, frozen=True):
    """Why a payment would not pass."""

    reason: str
    code: str
    status: int
    message: str


class Validation(Shape, frozen=True, kw_only=True):
    """What would become of a payment; `error` only when it is not valid."""

    valid: bool
    message: str
    error: ValidationError | msgspec.UnsetType = msgspec.UNSET
    payment: Payment
    account: Account


def show_payment(loaded: Loaded, reveal: Reveal) -> Payment:
    """Show a payment as it is once the command is done."""
    state: Any = loaded.state
    terms = state.terms
    status: Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]
    status = state.__struct_config__.tag
    return Payment(
        id=loaded.id,
        user_id=terms.user_id,
        user_bank_account_id=terms.user_bank_account_id,
        amount=decimal_text(terms.amount, terms.currency),
        currency=terms.currency,
        direction=terms.direction,
        payment_type=terms.payment_type,
        description=reveal(terms.description),
        reference=reveal(terms.reference),
        status=status,
        processing=terms.processing,
        priority=terms.priority,
        scheduled_at=terms.scheduled_at,
        rail=terms.rail,
        destination_account_id=terms.destination_account_id,
        hold_id=getattr(state, "hold_id", None),
        posting_id=getattr(state, "posting_id", None),
        reversal_posting_id=getattr(state, "reversal_posting_id", None),
        external_transaction_id=getattr(state, "external_transaction_id", None),
        failure_reason=getattr(state, "reason", None),
        processing_started_at=getattr(state, "started_at", None),
        failed_at=getattr(state, "failed_at", None),
        posted_at=getattr(state, "posted_at", None),
        version=loaded.version,
        inserted_at=loaded.inserted_at or None,
        updated_at=loaded.updated_at or None,
    )


def show_validation(rules: Rules, loaded: Loaded, reveal: Reveal) -> Validation:
    """Show what a rehearsal came to; the payment in it does not exist and has no times."""
    rehearsal: Any = loaded.state
    refused: Refused | None = rehearsal.refused
    return Validation(
        valid=refused is None,
        message="The payment would pass." if refused is None else refused.reason.fact.description,
        error=msgspec.UNSET if refused is None else shown_error(refused),
        payment=show_payment(rehearsal.payment, reveal),
        account=show_account(rules, rehearsal.account, reveal),
    )


def shown_error(refused: Refused) -> ValidationError:
    """Show why a payment would not pass."""
    fact = refused.reason.fact
    return ValidationError(
        reason=refused.reason, code=refused.reason, status=fact.status, message=fact.title
    )
