"""What is done about outside banks again and again (jobs.md §6)."""

import msgspec

from ledger.commands.command import Command
from ledger.commands.connection import ExpireConnection, RequestSync
from ledger.commands.reconciliation import ReportMissingPayment
from ledger.errors import Refused
from ledger.identity import derived_id
from ledger.times import utc_text
from workers.attempts import Actor, Completed, Run, Verdict
from workers.banks.books import BankBooks
from workers.database import Clock, Pool, transaction
from workers.schedule import QUEUE, Entry

DUE_SYNCS = Entry("request_due_syncs", 60)
EXPIRIES = Entry("expire_connections", 60)
MISSING = Entry("check_missing_at_bank", 24 * 60 * 60)
ENTRIES = (DUE_SYNCS, EXPIRIES, MISSING)
TIME_LIMIT_SECONDS = 2 * 60
BATCH = 500


class BankSchedules(msgspec.Struct, frozen=True):
    """Asks for syncs that are due, ends consents that are over, misses payments."""

    pool: Pool
    clock: Clock
    books: BankBooks

    def actors(self) -> tuple[Actor, ...]:
        """Return the kinds of work."""
        return tuple(
            Actor(name=name, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=perform)
            for name, perform in (
                (DUE_SYNCS.name, self.request_syncs),
                (EXPIRIES.name, self.expire),
                (MISSING.name, self.miss),
            )
        )

    def request_syncs(self, run: Run) -> Verdict:
        """Ask for the sync of every connection whose time has come."""
        for connection_id, due_at in self.found(DUE):
            job_key = derived_id("due sync", connection_id, due_at)
            wish = RequestSync(connection_id=connection_id, job_key=job_key, by="schedule")
            self.try_to(run, wish)
        return Completed()

    def expire(self, run: Run) -> Verdict:
        """End consents, and waits for one, whose time is over."""
        for connection_id, _ in self.found(OVER):
            self.try_to(run, ExpireConnection(connection_id=connection_id))
        return Completed()

    def miss(self, run: Run) -> Verdict:
        """Report completed payments that no sync has met for five days."""
        for payment_id, _ in self.found(ABSENT):
            self.try_to(run, ReportMissingPayment(payment_id=payment_id))
        return Completed()

    def try_to(self, run: Run, command: Command) -> None:
        """Carry out a command; what the rules refuse meanwhile is not to be done any more."""
        try:
            self.books.handle(command, run.job.context)
        except Refused as refused:
            if refused.reason.fact.retryable:
                raise

    def found(self, query: bytes) -> list[tuple[str, str]]:
        """Return what a query finds as of now."""
        with transaction(self.pool) as connection:
            values = {"now": utc_text(self.clock(connection)), "batch": BATCH}
            return [(row[0], row[1]) for row in connection.execute(query, values).fetchall()]


DUE = b"""
SELECT id::text, next_sync_at FROM read.connections
WHERE next_sync_at <= %(now)s AND (
    status = 'ACTIVE'
    OR status = 'ERROR'
        AND updated_at::timestamptz + make_interval(secs => sync_frequency)
            <= %(now)s::text::timestamptz
)
ORDER BY next_sync_at
LIMIT %(batch)s
"""
OVER = b"""
SELECT id::text, updated_at FROM read.connections
WHERE (
        status = 'PENDING'
        AND inserted_at::timestamptz + interval '10 min' <= %(now)s::text::timestamptz
    )
    OR (status IN ('ACTIVE', 'ERROR') AND consent_expires_at <= %(now)s)
LIMIT %(batch)s
"""
ABSENT = b"""
SELECT id::text, posted_at FROM read.payments AS p
WHERE rail <> 'book' AND status = 'COMPLETED'
    AND posted_at::timestamptz + interval '5 days' <= %(now)s::text::timestamptz
    AND NOT EXISTS (
        SELECT FROM log.claims
        WHERE namespace = 'payment_external_id' AND holder = p.id::text
    )
    AND NOT EXISTS (
        SELECT FROM read.reconciliation AS found
        WHERE found.payment_id = p.id AND found.kind = 'MISSING_AT_BANK'
    )
ORDER BY posted_at
LIMIT %(batch)s
"""
