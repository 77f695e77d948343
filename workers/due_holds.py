"""Due holds: the end of those whose time is over is recorded (jobs.md §6).

They count no more from that moment on, recorded or not; the record is for whoever follows the log.
"""

import msgspec

from ledger.commands.hold import ExpireHolds
from ledger.times import utc_text
from workers.attempts import Actor, Completed, Run, Verdict
from workers.books import Books
from workers.database import Clock, Pool, transaction
from workers.schedule import QUEUE, Entry

ENTRY = Entry("expire_holds", 10)
TIME_LIMIT_SECONDS = 2 * 60
BATCH = 500


class DueHolds(msgspec.Struct, frozen=True):
    """Lets every account end its holds that are over; which those are, the account decides."""

    pool: Pool
    clock: Clock
    books: Books

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=ENTRY.name,
            queue=QUEUE,
            time_limit_seconds=TIME_LIMIT_SECONDS,
            perform=self.expire_all,
        )

    def expire_all(self, run: Run) -> Verdict:
        """Go through the accounts in order, each once."""
        after = ""
        while accounts := self.accounts(after):
            for account_id in accounts:
                self.books.handle(ExpireHolds(account_id=account_id), run.job.context)
            after = accounts[-1]
        return Completed()

    def accounts(self, after: str) -> list[str]:
        """Return some accounts behind `after` that have holds whose time is over."""
        with transaction(self.pool) as connection:
            values = {"after": after, "now": utc_text(self.clock(connection)), "batch": BATCH}
            rows = connection.execute(DUE, values).fetchall()
        return [account_id for (account_id,) in rows]


DUE = b"""
SELECT DISTINCT account_id::text COLLATE "C" FROM read.account_holds
WHERE expires_at <= %(now)s AND account_id::text COLLATE "C" > %(after)s
ORDER BY 1
LIMIT %(batch)s
"""
