"""The steps of a sync and of a revocation, each safe to run again after a crash at any point."""

from collections.abc import Mapping
from time import monotonic

import msgspec

from ledger.commands.connection import (
    CompleteSync,
    ExpireConnection,
    FailSync,
    StartSync,
)
from ledger.errors import Reason
from workers.attempts import Actor, Completed, Discarded, Run, Verdict
from workers.bank_process import QUEUE, REVOKE, SYNC
from workers.bank_reading import BankReader
from workers.banks.books import BankBooks, Connection
from workers.banks.port import BankPort
from workers.banks.tokens import TokenVault
from workers.retries import Failed, Failure

TIME_LIMIT_SECONDS = 10 * 60


class BankSteps(msgspec.Struct, frozen=True, kw_only=True):
    """Reads banks through `ports`, and ends what their tokens allow."""

    books: BankBooks
    ports: Mapping[str, BankPort]
    tokens: TokenVault

    def actors(self) -> tuple[Actor, ...]:
        """Return the kinds of work with banks."""
        return (
            Actor(
                name=SYNC,
                queue=QUEUE,
                time_limit_seconds=TIME_LIMIT_SECONDS,
                perform=self.sync,
                exhausted=self.give_up,
                unforeseen=Reason.SYNC_FAILED,
            ),
            Actor(
                name=REVOKE,
                queue=QUEUE,
                time_limit_seconds=TIME_LIMIT_SECONDS,
                perform=self.revoke,
                exhausted=self.destroy,
            ),
        )

    def sync(self, run: Run) -> Verdict:
        """Read what is new at the bank; a consent that is gone ends the connection's life."""
        connection = self.books.connection(run.job.subject_id)
        if connection.status == "REVOKED":
            return Completed()
        if connection.status not in {"ACTIVE", "ERROR"}:
            return self.over(run, Reason.CONSENT_EXPIRED)
        expire = ExpireConnection(connection_id=connection.connection_id)
        self.books.handle(expire, run.job.context)
        if self.books.connection(connection.connection_id).status == "EXPIRED":
            return self.over(run, Reason.CONSENT_EXPIRED)
        try:
            return self.read(run, connection)
        except Failed as failed:
            if failed.failure.reason is not Reason.CONSENT_EXPIRED:
                raise
        gone = ExpireConnection(connection_id=connection.connection_id, refused=True)
        self.books.handle(gone, run.job.context)
        return self.over(run, Reason.CONSENT_EXPIRED)

    def read(self, run: Run, connection: Connection) -> Verdict:
        """Read every account, then say so."""
        begun, job_key = monotonic(), run.job.arguments["job_key"]
        start = StartSync(connection_id=connection.connection_id, job_key=job_key)
        self.books.handle(start, run.job.context)
        port = self.ports.get(connection.provider)
        if port is None:
            raise Failed(Reason.BANK_API_ERROR)
        reader = BankReader(run, self.books, port, self.tokens, connection)
        tally = reader.read_all()
        run.crashpoint("after_bank_read")
        done = CompleteSync(
            connection_id=connection.connection_id,
            job_key=job_key,
            accounts=tally.accounts,
            imported=tally.imported,
            matched=tally.matched,
            duration_ms=round((monotonic() - begun) * 1000),
        )
        self.books.handle(done, run.job.context)
        return Completed()

    def over(self, run: Run, reason: Reason) -> Verdict:
        """Say that a sync has come to nothing; nobody tries again."""
        fail = FailSync(
            connection_id=run.job.subject_id,
            job_key=run.job.arguments["job_key"],
            reason=reason,
            attempt=run.job.attempt,
        )
        self.books.handle(fail, run.job.context)
        return Discarded(reason)

    def give_up(self, run: Run, failure: Failure) -> Verdict:
        """Put the connection into error once the retries are exhausted."""
        return self.over(run, failure.reason)

    def revoke(self, run: Run) -> Verdict:
        """End at the bank what the tokens allow, then destroy them."""
        connection = self.books.connection(run.job.subject_id)
        if connection.provider in self.ports:
            try:
                self.tokens.end(connection.connection_id, connection.provider)
            except Failed as failed:
                if failed.failure.reason is not Reason.CONSENT_EXPIRED:
                    raise
        run.crashpoint("after_tokens_revoked")
        self.tokens.destroy(connection.connection_id)
        return Completed()

    def destroy(self, run: Run, failure: Failure) -> Verdict:
        """Destroy tokens that the bank could not be told about."""
        self.tokens.destroy(run.job.subject_id)
        return Discarded(failure.reason)
