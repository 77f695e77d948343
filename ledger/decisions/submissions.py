"""Decisions between the wish and the rail: editing, calling off, sending on its way."""

from ledger.aggregates import payment
from ledger.aggregates.payment import Uncreated
from ledger.commands.payment import CancelPayment, EditPayment, RecordSubmission
from ledger.decisions import unfinished
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.events.event import PersonalText, Sealed, sealed
from ledger.events.payment import PaymentCancelled, PaymentEdited
from ledger.policies import access


def edit_payment(view: View, command: EditPayment) -> str:
    """Change what a payment says while it is PENDING."""
    stream = f"payment-{command.payment_id}"
    state = view.state(stream)
    if isinstance(state, Uncreated):
        raise Refused(Reason.PAYMENT_NOT_FOUND)
    access.may_edit_payment(view.caller, state.terms.user_id)
    view.match_version(stream)
    terms = payment.refuse_unless_pending(state).terms
    description = changed(view, command.description, terms.description)
    reference = changed(view, command.reference, terms.reference)
    if description is not None or reference is not None:
        view.record(stream, PaymentEdited(description=description, reference=reference))
    return stream


def changed(view: View, wanted: PersonalText | None, known: Sealed | None) -> Sealed | None:
    """Return a text in its stored form if it says something else than what is known."""
    if wanted is None:
        return None
    new = sealed(wanted)
    return None if view.reveal(new) == view.reveal(known) else new


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
