"""Decisions about jobs: called off with what hangs on them, asked for again once (jobs.md §4, §5).

The rows of jobs follow from what is recorded here, as every job follows from an event.
"""

from ledger.aggregates import job
from ledger.aggregates.connection_states import Connection
from ledger.aggregates.payment import Failed, Processing
from ledger.commands.connection import CancelSync
from ledger.commands.job import CancelJob, JobFacts, RetryDeadLetter
from ledger.commands.payment import FailPayment
from ledger.decisions.connections import follow_sync
from ledger.decisions.settlements import fail_payment
from ledger.decisions.view import View
from ledger.errors import Reason, Refused
from ledger.identity import derived_id
from ledger.policies import access


def cancel_job(view: View, command: CancelJob) -> str:
    """Call a job off; a payment that was to go out has failed, unless it already went."""
    access.may_steer_jobs(view.caller)
    stream = f"job-{command.job_id}"
    events = job.cancel(view.state(stream), command)
    if events and command.facts is not None:
        call_off(view, command.job_id, command.facts)
    view.record(stream, *events)
    return stream


def call_off(view: View, job_id: str, facts: JobFacts) -> None:
    """End what a cancelled job was to bring to its end; refused when that is too late."""
    match facts.actor:
        case "process_payment":
            call_off_payment(view, facts)
        case "sync_connection":
            call_off_sync(view, job_id, facts)
        case _:
            pass


def call_off_sync(view: View, job_id: str, facts: JobFacts) -> None:
    """End a sync that nobody will begin, so that another can be asked for at once."""
    known = view.state(f"connection-{facts.subject_id}")
    if not isinstance(known, Connection) or known.sync is None:
        return
    job_key = known.sync.job_key
    if derived_id("job", facts.actor, job_key) == job_id:
        follow_sync(view, CancelSync(connection_id=facts.subject_id, job_key=job_key))


def call_off_payment(view: View, facts: JobFacts) -> None:
    """Let a payment fail that was to go out, unless it already went."""
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
