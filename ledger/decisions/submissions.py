"""Decisions between the wish and the rail: calling a payment off, sending it on its way."""

from ledger.aggregates import payment
from ledger.aggregates.payment import Uncreated
from ledger.commands.payment import CancelPayment, RecordSubmission
from ledger.decisions import unfinished
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.payment import PaymentCancelled
from ledger.policies import access


def cancel_payment(view: View, command: CancelPayment) -> str:
    """Call a payment off while it is PENDING."""
    stream = f"payment-{command.payment_id}"
    state = view.state(stream)
    if isinstance(state, Uncreated):
        raise Refused(Reason.PAYMENT_NOT_FOUND)
    access.may_cancel_payment(view.caller, state.terms.user_id)
    view.match_version(stream)
    pending = payment.refuse_unless_pending(state)
    view.record(stream, PaymentCancelled(cause=command.cause, by=view.caller.id))
    unfinished.dropped(view, pending.terms)
    return stream


def record_submission(view: View, command: RecordSubmission) -> str:
    """Record, before the rail is called, that it is."""
    stream = f"payment-{command.payment_id}"
    view.record(stream, *payment.submit(view.state(stream), command))
    return stream
