"""Books that keep the ledger's promises about payments, on the real log and the real aggregate.

One command at a time, under the lock of the head row: durable, atomic, and the same for every
process that works on the same database.
"""

from typing import Any

import psycopg
from psycopg import Connection
from typing_extensions import override

from ledger.aggregates import payment as aggregate
from ledger.aggregates.payment import Completed, Failed, Processing
from ledger.commands.command import Command, Context
from ledger.commands.payment import CompletePayment, FailPayment, ProcessPayment, RecordSubmission
from ledger.entries import Entry
from ledger.errors import Reason, Refused
from ledger.events.payment import PaymentCompleted, PaymentFailed, PaymentProcessingStarted
from ledger.events.posting import PostingBooked
from ledger.identity import numbered_id
from schema.codec import decode_envelope
from tests.workers.log import Line, append_in
from workers.books import Books, Payment, payment_of


class LogBooks(Books):
    """`refuse_start`: what the checks of a start say; `refuse_booking`: what completion says."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.refuse_start: Reason | None = None
        self.refuse_booking: Reason | None = None

    @override
    def payment(self, payment_id: str) -> Payment:
        with psycopg.connect(self.dsn) as connection:
            return payment_of(payment_id, load(connection, payment_id))

    @override
    def handle(self, command: Command, context: Context) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SELECT FROM log.head FOR UPDATE")
            payment_id: str = getattr(command, "payment_id")  # noqa: B009
            lines = self.decide(load(connection, payment_id), command)
            append_in(connection, lines, context.correlation_id)

    def decide(self, state: aggregate.Payment, command: Command) -> list[Line]:
        match command:
            case ProcessPayment():
                return self.start(state, command)
            case RecordSubmission(payment_id=identity):
                return [(f"payment-{identity}", e) for e in aggregate.submit(state, command)]
            case CompletePayment():
                return self.complete(state, command)
            case FailPayment(payment_id=identity):
                if isinstance(state, Failed):
                    return []
                if not isinstance(state, Processing):
                    raise Refused(Reason.ALREADY_PROCESSED)
                failed = PaymentFailed(
                    reason=command.reason, category=command.category, attempts=command.attempts
                )
                return [(f"payment-{identity}", failed)]
            case _:
                raise AssertionError(command)

    def start(self, state: aggregate.Payment, command: ProcessPayment) -> list[Line]:
        stream = f"payment-{command.payment_id}"
        aggregate.refuse_unless_pending(state)
        started = PaymentProcessingStarted(hold_id=None, trigger=command.trigger)
        if self.refuse_start is None:
            return [(stream, started)]
        category = self.refuse_start.fact.category
        failed = PaymentFailed(reason=self.refuse_start, category=category, attempts=1)
        return [(stream, started), (stream, failed)]

    def complete(self, state: aggregate.Payment, command: CompletePayment) -> list[Line]:
        if isinstance(state, Completed):
            return []
        if not isinstance(state, Processing):
            raise Refused(Reason.ALREADY_PROCESSED)
        if self.refuse_booking is not None:
            raise Refused(self.refuse_booking)
        completed = PaymentCompleted(
            posting_id=command.posting_id,
            external_transaction_id=command.external_transaction_id,
            posted_at="2026-01-01T00:00:00.000000Z",
        )
        return [
            (f"posting-{command.posting_id}", posting(state, command)),
            (f"payment-{command.payment_id}", completed),
        ]


def posting(state: Processing, command: CompletePayment) -> PostingBooked:
    terms, posting_id = state.terms, command.posting_id
    return PostingBooked(
        posting_id=posting_id,
        kind=terms.payment_type,
        entries=(
            Entry(
                entry_id=numbered_id(posting_id, 1),
                account_id=terms.user_bank_account_id,
                amount=-terms.amount,
                currency=terms.currency,
            ),
            Entry(
                entry_id=numbered_id(posting_id, 2),
                account_code=f"clearing:LEDGERBANK:{terms.currency}",
                amount=terms.amount,
                currency=terms.currency,
            ),
        ),
        payment_id=command.payment_id,
    )


def load(connection: Connection[Any], payment_id: str) -> aggregate.Payment:
    rows = connection.execute(STREAM, (f"payment-{payment_id}",)).fetchall()
    state: aggregate.Payment = aggregate.UNCREATED
    for name, data, recorded_at in rows:
        event: Any = decode_envelope(name, 1, bytes(data)).data
        state = aggregate.evolve(state, event, recorded_at)
    return state


STREAM = "SELECT name, data, recorded_at FROM log.events WHERE stream_id = %s ORDER BY version"
