"""Decisions about jobs: called off with what hangs on them, asked for again once (jobs.md §4, §5).

The rows of jobs follow from what is recorded here, as every job follows from an event.
"""

from ledger.aggregates import job
from ledger.aggregates.payment import Failed, Processing
from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.commands.payment import FailPayment
from ledger.decisions.settlements import fail_payment
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.policies import access

PROCESS_PAYMENT = "process_payment"


def cancel_job(view: View, command: CancelJob) -> str:
    """Call a job off; a payment that was to go out has failed, unless it already went."""
    access.may_steer_jobs(view.caller)
    stream = f"job-{command.job_id}"
    events = job.cancel(view.state(stream), command)
    if events and command.facts is not None:
        call_off(view, command.facts)
    view.record(stream, *events)
    return stream


def call_off(view: View, facts: JobFacts) -> None:
    """End what a cancelled job was to bring to its end; refused when that is too late."""
    if facts.actor != PROCESS_PAYMENT:
        return
    if not isinstance(view.state(f"payment-{facts.subject_id}"), Processing):
        return
    reason = Reason.PROCESSING_CANCELLED
    fail = FailPayment(
        payment_id=facts.subject_id, reason=reason, category=reason.fact.category, attempts=0
    )
    fail_payment(view, fail)


def retry_dead_letter(view: View, command: RetryDeadLetter) -> str:
    """Ask for the work of a dead job again; a payment that has failed needs a new payment."""
    access.may_steer_jobs(view.caller)
    if command.job_id is None:
        raise Refused(Reason.JOB_NOT_FOUND, field="id")
    stream = f"job-{command.job_id}"
    events = job.retry(view.state(stream), command)
    facts = command.facts
    if facts is not None and facts.subject_type == "payment":
        refuse_failed(view, facts.subject_id)
    view.record(stream, *events)
    return stream


def refuse_failed(view: View, payment_id: str) -> None:
    """Refuse to work again on a payment that has failed."""
    if isinstance(view.state(f"payment-{payment_id}"), Failed):
        raise Refused(Reason.ALREADY_PROCESSED, payment_id=payment_id)
