"""Decisions about messages from outside: each is taken once, with all that follows from it."""

from ledger.aggregates import account, connection, payment, webhook
from ledger.aggregates.account_states import Active, Inactive, Open
from ledger.aggregates.connection_states import Active as Consented
from ledger.aggregates.connection_states import Connection, Failing
from ledger.aggregates.payment import (
    Cancelled,
    Completed,
    Failed,
    Pending,
    Processing,
    Uncreated,
)
from ledger.aggregates.user import Registered
from ledger.aggregates.webhook import Received
from ledger.commands.account import FreezeAccount
from ledger.commands.connection import RequestSync
from ledger.commands.payment import CompletePayment, FailPayment, ProcessPayment
from ledger.commands.webhook import Message, ReportBankNews, ReportFraud, ReportPayment
from ledger.decisions import unfinished
from ledger.decisions.bank_payments import came_late, mismatched
from ledger.decisions.banks import listed
from ledger.decisions.journal import take_down
from ledger.decisions.payments import fail_at_once, process_payment
from ledger.decisions.settlements import complete_payment, fail_payment
from ledger.decisions.view import View
from ledger.errors import CATALOGUE, Reason, Refused
from ledger.events.audit import FraudReported
from ledger.events.payment import PaymentCancelled, PaymentCreated
from ledger.events.recorded import SYSTEM
from ledger.events.webhook import WebhookReceived
from ledger.identity import derived_id
from ledger.money import parse_minor

MISMATCH = "mismatch"
GRAVE = frozenset({"high", "critical"})
CAUSE = "fraud"


def report_payment(view: View, command: ReportPayment) -> str | Refused:
    """Move a payment on as its provider says; another amount is a discrepancy, told as a fault."""
    known = remembered(view, command)
    if known is not None:
        return faulty() if known.result == MISMATCH else f"webhook-{command.webhook_id}"
    state = existing(view, command.payment_id)
    reported = amount_of(command, state.terms)
    if reported != state.terms.amount or command.currency not in {None, state.terms.currency}:
        mismatched(view, command.payment_id, state.terms, reported)
        receive(view, command, "payments", command.payment_id, MISMATCH)
        return faulty()
    result = settle(view, command, state)
    return receive(view, command, "payments", command.payment_id, result)


def remembered(view: View, command: Message) -> Received | None:
    """Return what was made of a message, as long as that is remembered."""
    known = view.state(f"webhook-{command.webhook_id}")
    return webhook.remembered(known, view.now, view.rules.webhook_dedupe_days)


def faulty() -> Refused:
    """Return why a message of another amount is not taken."""
    return Refused(Reason.WEBHOOK_PROCESSING_FAILED, field="amount")


def existing(view: View, payment_id: str) -> Pending | Processing | Completed | Failed | Cancelled:
    """Return a payment there is, or refuse."""
    state: payment.Payment = view.state(f"payment-{payment_id}")
    if isinstance(state, Uncreated):
        raise Refused(Reason.PAYMENT_NOT_FOUND, field="payment_id")
    return state


def amount_of(command: ReportPayment, terms: PaymentCreated) -> int:
    """Return the amount of a message in minor units of the payment's currency."""
    try:
        return parse_minor(command.amount, terms.currency)
    except Refused as refused:
        raise Refused(Reason.WEBHOOK_PROCESSING_FAILED, field="amount") from refused


def settle(
    view: View,
    command: ReportPayment,
    state: Pending | Processing | Completed | Failed | Cancelled,
) -> str:
    """Do what a status means for a payment where it stands: applied, unchanged or conflict."""
    match command.status, state:
        case "pending", _:
            return "unchanged"
        case "completed", Completed():
            return "unchanged"
        case "completed", Failed() | Cancelled():
            came_late(view, command.payment_id, state.terms)
            return "conflict"
        case "completed", Pending() | Processing():
            complete(view, command)
            return "applied"
        case "failed" | "cancelled", Completed() | Failed() | Cancelled():
            return "conflict"
        case "cancelled", Pending():
            call_off(view, command.payment_id, state, "webhook")
            return "applied"
        case _:
            reason = Reason.PAYMENT_DECLINED
            if command.status == "failed" and command.failure_reason in CATALOGUE:
                reason = Reason(command.failure_reason)
            fail(view, command.payment_id, reason)
            return "applied"


def complete(view: View, command: ReportPayment) -> None:
    """Start a payment that waits, then settle it as confirmed; a check that says no fails it."""
    stream, caller = f"payment-{command.payment_id}", view.caller
    if isinstance(view.state(stream), Pending):
        view.caller = SYSTEM
        process_payment(view, ProcessPayment(payment_id=command.payment_id, trigger="webhook"))
        view.caller = caller
    if isinstance(view.state(stream), Processing):
        complete_payment(
            view,
            CompletePayment(
                payment_id=command.payment_id,
                posting_id=derived_id("posting", command.payment_id),
                external_transaction_id=command.external_transaction_id,
            ),
        )


def fail(view: View, payment_id: str, reason: Reason) -> None:
    """Fail a payment that waits or is under way, and give its hold back."""
    stream = f"payment-{payment_id}"
    state = view.state(stream)
    if isinstance(state, Pending):
        fail_at_once(view, stream, "webhook", Refused(reason))
        unfinished.dropped(view, state.terms)
        return
    fail_payment(
        view,
        FailPayment(
            payment_id=payment_id,
            reason=reason,
            category=reason.fact.category,
            attempts=max(1, state.submissions),
        ),
    )


def call_off(view: View, payment_id: str, state: Pending, cause: str) -> None:
    """Cancel a payment that waits."""
    view.record(f"payment-{payment_id}", PaymentCancelled(cause=cause, by=None))
    unfinished.dropped(view, state.terms)


def report_bank_news(view: View, command: ReportBankNews) -> str:
    """Ask for a sync of every live connection of a customer with a bank."""
    if remembered(view, command) is not None:
        return f"webhook-{command.webhook_id}"
    if not isinstance(view.state(f"user-{command.user_id}"), Registered):
        raise Refused(Reason.USER_NOT_FOUND, field="user_id")
    listed(view, command.bank_id)
    jobs = tuple(
        asked
        for connection_id, job_key in command.connections
        if (asked := request(view, connection_id, job_key)) is not None
    )
    return receive(view, command, "banks", command.user_id, "requested", jobs)


def request(view: View, connection_id: str, job_key: str) -> str | None:
    """Ask for a sync of a connection that lives; return the key of the job that does it."""
    stream = f"connection-{connection_id}"
    state = view.state(stream)
    if not isinstance(state, Connection) or not isinstance(state.condition, Consented | Failing):
        return None
    wish = RequestSync(connection_id=connection_id, job_key=job_key, by="webhook")
    try:
        view.record(stream, *connection.decide(state, wish, view.now, None))
    except Refused:
        return None
    asked = view.state(stream).sync
    return None if asked is None else str(asked.job_key)


def report_fraud(view: View, command: ReportFraud) -> str:
    """Record what a detector says; block what it says is grave."""
    if remembered(view, command) is not None:
        return f"webhook-{command.webhook_id}"
    state = existing(view, command.payment_id)
    block = command.severity in GRAVE and command.recommended_action == "block"
    action = stop(view, command.payment_id, state) if block else "recorded"
    take_down(
        view,
        FraudReported(
            outcome="success",
            subject_type="payment",
            subject_id=command.payment_id,
            details={
                "severity": command.severity,
                "risk_score": command.risk_score,
                "recommended_action": command.recommended_action,
                "action_taken": action,
            },
        ),
    )
    return receive(view, command, "fraud", command.payment_id, action)


def stop(
    view: View, payment_id: str, state: Pending | Processing | Completed | Failed | Cancelled
) -> str:
    """Call a payment off, stop it before it goes out, or freeze the account it belongs to."""
    match state:
        case Pending():
            call_off(view, payment_id, state, CAUSE)
            return "payment_cancelled"
        case Processing(submissions=0):
            fail(view, payment_id, Reason.PROCESSING_CANCELLED)
            freeze(view, state.terms.user_bank_account_id)
            return "payment_stopped"
        case _:
            freeze(view, state.terms.user_bank_account_id)
            return "account_frozen"


def freeze(view: View, account_id: str) -> None:
    """Freeze an account that is not frozen or closed."""
    stream = f"account-{account_id}"
    state = view.state(stream)
    if isinstance(state, Open) and isinstance(state.condition, Active | Inactive):
        command = FreezeAccount(account_id=account_id, reason=CAUSE)
        view.record(stream, *account.decide(state, command))


def receive(  # noqa: PLR0913, PLR0917  # the fields of one event
    view: View,
    command: Message,
    kind: str,
    subject_id: str,
    result: str,
    jobs: tuple[str, ...] = (),
) -> str:
    """Remember a message by what was made of it; that answers it, now and when it comes again."""
    stream = f"webhook-{command.webhook_id}"
    status = None
    if kind == "payments":
        status = payment.status_of(existing(view, subject_id))
    received = WebhookReceived(
        kind=kind,
        event_id=command.event_id,
        subject_id=subject_id,
        result=result,
        status=status,
        jobs=jobs,
    )
    view.record(stream, received)
    return stream
