"""The steps of a payment: what its jobs do, each safe to run again after a crash at any point."""

from collections.abc import Mapping

import msgspec

from ledger.commands.payment import (
    CompletePayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.errors import Reason, Refused
from ledger.identity import derived_id
from workers.attempts import Actor, Completed, Discarded, Run, Verdict
from workers.books import Books, Payment
from workers.payments import OVERDUE, POLL, PROCESS, QUEUE, START
from workers.rails.rail import (
    Accepted,
    Answer,
    Declined,
    Order,
    Rail,
    Settled,
    Unknown,
    Withdrawn,
)
from workers.retries import Failed, Failure

TIME_LIMIT_SECONDS = 5 * 60


class PaymentSteps(msgspec.Struct, frozen=True):
    """Moves payments on, through `books` and by the rail each of them names."""

    books: Books
    rails: Mapping[str, Rail]

    def actors(self) -> tuple[Actor, ...]:
        """Return the kinds of payment work."""
        return (
            Actor(
                name=START,
                queue=QUEUE,
                time_limit_seconds=TIME_LIMIT_SECONDS,
                perform=self.start,
                unforeseen=Reason.PAYMENT_PROCESSING_FAILED,
            ),
            Actor(
                name=PROCESS,
                queue=QUEUE,
                time_limit_seconds=TIME_LIMIT_SECONDS,
                perform=self.move,
                exhausted=self.conclude,
                unforeseen=Reason.PAYMENT_PROCESSING_FAILED,
            ),
            Actor(
                name=POLL,
                queue=QUEUE,
                time_limit_seconds=TIME_LIMIT_SECONDS,
                perform=self.look,
                exhausted=self.look_later,
                unforeseen=Reason.PAYMENT_PROCESSING_FAILED,
            ),
        )

    def look(self, run: Run) -> Verdict:
        """Ask the rail of an accepted payment whether its money has moved."""
        payment = self.books.payment(run.job.subject_id)
        if payment.status != "PROCESSING":
            return Completed()
        standing = self.rail_of(payment).state_of(payment.payment_id)
        if isinstance(standing, Accepted | Unknown):
            return self.look_later(run, Failure(Reason.SETTLEMENT_OVERDUE))
        try:
            return self.accept(run, payment, standing)
        except Refused as refused:
            return self.look_again(run, refused)

    def look_later(self, run: Run, _: Failure) -> Verdict:
        """Leave a payment to the next look; after the last one it is overdue, and staff are told.

        It stays on its way, with its hold.
        """
        if run.job.arguments == OVERDUE:
            return Discarded(Reason.SETTLEMENT_OVERDUE)
        return Completed()

    def start(self, run: Run) -> Verdict:
        """Start a payment in the background; one that the rules refuse has failed (§6.1)."""
        payment_id = run.job.subject_id
        trigger = "schedule" if self.books.payment(payment_id).scheduled else "auto"
        try:
            self.books.handle(
                ProcessPayment(payment_id=payment_id, trigger=trigger), run.job.context
            )
        except Refused as refused:
            if refused.reason is not Reason.ALREADY_PROCESSED:
                raise
        payment = self.books.payment(payment_id)
        if payment.failed_at_once:
            return Discarded(reason_of(payment))
        return Completed()

    def move(self, run: Run) -> Verdict:
        """Take a payment from wherever it stands to where its rail lets it go."""
        payment = self.books.payment(run.job.subject_id)
        if payment.status != "PROCESSING":
            return verdict_on(payment)
        try:
            answer = self.submit(run, payment)
            run.crashpoint("after_rail_answered")
            return self.accept(run, payment, answer)
        except Refused as refused:
            return self.look_again(run, refused)

    def submit(self, run: Run, payment: Payment) -> Answer:
        """Say that the payment goes out, then send it: never the other way round.

        One that went out before is looked up first: it may have arrived although no answer came.
        """
        if payment.submissions > 0:
            standing = self.rail_of(payment).state_of(payment.payment_id)
            if not isinstance(standing, Unknown):
                return standing
        self.record(run, None)
        run.crashpoint("after_submission_recorded")
        return self.rail_of(payment).submit(order_of(payment))

    def accept(self, run: Run, payment: Payment, answer: Answer) -> Verdict:
        """Do what the rail's answer asks for."""
        match answer:
            case Settled():
                return self.complete(run, payment, answer)
            case Accepted(rail_reference=rail_reference):
                self.record(run, rail_reference)
                return Completed()
            case Declined():
                return self.fail(run, Reason.PAYMENT_DECLINED)

    def complete(self, run: Run, payment: Payment, settled: Settled) -> Verdict:
        """Book a settled payment. What the books refuse is taken back from the rail, if it can."""
        command = CompletePayment(
            payment_id=payment.payment_id,
            posting_id=derived_id("posting", payment.payment_id),
            external_transaction_id=settled.external_transaction_id,
        )
        try:
            self.books.handle(command, run.job.context)
        except Refused as refused:
            if is_passing(refused) or not self.withdrawn(payment):
                raise
            return self.fail(run, refused.reason)
        run.crashpoint("after_payment_completed")
        return Completed()

    def withdrawn(self, payment: Payment) -> bool:
        """Make sure that the rail never executes the payment; False when it already has."""
        return isinstance(self.rail_of(payment).withdraw(payment.payment_id), Withdrawn)

    def fail(self, run: Run, reason: Reason) -> Verdict:
        """Release the hold and end the payment."""
        self.books.handle(
            FailPayment(
                payment_id=run.job.subject_id,
                reason=reason,
                category=reason.fact.category,
                attempts=run.job.attempt,
            ),
            run.job.context,
        )
        run.crashpoint("after_payment_failed")
        return Discarded(reason)

    def look_again(self, run: Run, refused: Refused) -> Verdict:
        """Accept that somebody else ended the payment in the meantime; else refuse on."""
        if refused.reason is Reason.ALREADY_PROCESSED:
            payment = self.books.payment(run.job.subject_id)
            if payment.status != "PROCESSING":
                return verdict_on(payment)
        raise refused

    def conclude(self, run: Run, failure: Failure) -> Verdict:
        """Ask the rail for the truth once the retries are exhausted (§6.4 step 4)."""
        payment = self.books.payment(run.job.subject_id)
        if payment.status != "PROCESSING":
            return verdict_on(payment)
        try:
            return self.settle_up(run, payment, failure)
        except Failed:
            return Discarded(Reason.SETTLEMENT_OVERDUE)
        except Refused as refused:
            return self.look_again(run, refused)

    def settle_up(self, run: Run, payment: Payment, failure: Failure) -> Verdict:
        """End the payment by what the rail knows of it; unheard of and withdrawn, it has failed."""
        rail = self.rail_of(payment)
        standing = rail.state_of(payment.payment_id)
        if isinstance(standing, Unknown):
            withdrawal = rail.withdraw(payment.payment_id)
            if isinstance(withdrawal, Withdrawn):
                return self.fail(run, failure.reason)
            standing = withdrawal
        if isinstance(standing, Declined):
            return self.fail(run, failure.reason)
        return self.accept(run, payment, standing)

    def record(self, run: Run, rail_reference: str | None) -> None:
        """Record a submission, or the reference the rail gave it."""
        self.books.handle(
            RecordSubmission(
                payment_id=run.job.subject_id,
                rail_reference=rail_reference,
                attempt=run.job.attempt,
            ),
            run.job.context,
        )

    def rail_of(self, payment: Payment) -> Rail:
        """Return the payment's rail."""
        if payment.rail not in self.rails:
            raise Failed(Reason.PAYMENT_PROVIDER_ERROR)
        return self.rails[payment.rail]


def order_of(payment: Payment) -> Order:
    """Return what a rail is told of a payment."""
    return Order(
        payment_id=payment.payment_id,
        amount=payment.amount,
        currency=payment.currency,
        direction=payment.direction,
        account_id=payment.account_id,
    )


def verdict_on(payment: Payment) -> Verdict:
    """Return how the job ends of a payment that is over, or that never was to be moved."""
    assert payment.status != "PENDING", "a payment is processed after it was started"
    cancelled = payment.failure_reason == Reason.PROCESSING_CANCELLED
    if payment.status != "FAILED" or payment.failed_at_once or cancelled:
        return Completed()
    return Discarded(reason_of(payment))


def reason_of(payment: Payment) -> Reason:
    """Return the catalogued reason of a payment that failed."""
    return Reason(payment.failure_reason or Reason.PAYMENT_PROCESSING_FAILED)


def is_passing(refused: Refused) -> bool:
    """Say whether a refusal is about this moment, or about who came first, and not the movement."""
    return refused.reason is Reason.ALREADY_PROCESSED or refused.reason.fact.retryable
