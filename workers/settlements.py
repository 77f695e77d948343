"""Settlements: rails that accepted a payment are asked again until its money has moved (§6.4, 3b).

What waits is what the payment process remembers, so that no read model has to be in step.
"""

import msgspec

from ledger.times import utc_text
from workers.attempts import Actor, Completed, Run, Verdict
from workers.database import Clock, Pool, transaction
from workers.jobs import Cause, ask
from workers.payments import MANAGER, Awaiting, poll_of
from workers.schedule import QUEUE, Entry

NAME = "poll_settlements"
TIME_LIMIT_SECONDS = 2 * 60
BATCH = 500


class Settlements(msgspec.Struct, frozen=True):
    """Asks for a look at every payment that its rail has accepted and not settled yet.

    `every_seconds` is how often; a payment that is being looked at is not asked for twice.
    """

    pool: Pool
    clock: Clock
    every_seconds: int

    @property
    def entry(self) -> Entry:
        """Return the line of the schedule."""
        return Entry(NAME, self.every_seconds)

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=NAME, queue=QUEUE, time_limit_seconds=TIME_LIMIT_SECONDS, perform=self.ask_all
        )

    def ask_all(self, run: Run) -> Verdict:
        """Go through the payments that wait, in order, each once."""
        after = ""
        while waiting := self.ask_some(run.job.id, after):
            after = waiting[-1]
        return Completed()

    def ask_some(self, turn: str, after: str) -> list[str]:
        """Ask about some payments behind `after`; return them."""
        with transaction(self.pool) as connection:
            at = self.clock(connection)
            values = {"manager": MANAGER, "after": after, "now": utc_text(at), "batch": BATCH}
            rows = connection.execute(WAITING, values).fetchall()
            for payment_id, state in rows:
                process = msgspec.json.decode(state, type=Awaiting)
                cause = Cause(
                    correlation_id=process.correlation_id, causation_id=process.accepted_by
                )
                ask(connection, poll_of(payment_id, process.priority, turn), cause, at)
        return [payment_id for payment_id, _ in rows]


WAITING = b"""
SELECT key, state FROM work.processes
WHERE manager = %(manager)s AND key > %(after)s AND state ->> 'type' = 'awaiting'
  AND state ->> 'poll_at' <= %(now)s
ORDER BY key
LIMIT %(batch)s
"""
