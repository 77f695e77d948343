"""Due payments: those that wait for a date which has come are started (jobs.md §6).

Which payments wait is what their process remembers, so that no read model has to be in step.
"""

import msgspec

from ledger.times import utc_text
from workers.attempts import Actor, Completed, Run, Verdict
from workers.database import Clock, Pool, transaction
from workers.jobs import Cause, ask
from workers.payments import MANAGER, START, Pending, job_for
from workers.schedule import QUEUE, Entry

ENTRY = Entry("start_due_payments", 5)
TIME_LIMIT_SECONDS = 2 * 60
BATCH = 500


class DuePayments(msgspec.Struct, frozen=True):
    """Asks for the start of every payment whose date has come; each is asked for once."""

    pool: Pool
    clock: Clock

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=ENTRY.name,
            queue=QUEUE,
            time_limit_seconds=TIME_LIMIT_SECONDS,
            perform=self.start_all,
        )

    def start_all(self, _run: Run) -> Verdict:
        """Ask until nothing more is due."""
        while self.start_some() == BATCH:
            pass
        return Completed()

    def start_some(self) -> int:
        """Ask for the start of some due payments, the most urgent first; return how many."""
        with transaction(self.pool) as connection:
            at = self.clock(connection)
            values = {"manager": MANAGER, "actor": START, "now": utc_text(at), "batch": BATCH}
            rows = connection.execute(DUE, values).fetchall()
            for payment_id, state in rows:
                process = msgspec.json.decode(state, type=Pending)
                ask(connection, job_for(START, payment_id, process.priority), story(process), at)
        return len(rows)


def story(process: Pending) -> Cause:
    """Return the story of a payment: its request's."""
    assert process.due is not None, "only a payment with a date is due"
    return Cause(
        correlation_id=process.due.correlation_id,
        causation_id=process.due.causation_id,
        traceparent=process.due.traceparent,
    )


DUE = b"""
SELECT key, state FROM work.processes AS waiting
WHERE manager = %(manager)s AND state #>> '{due,at}' COLLATE "C" <= %(now)s
  AND NOT EXISTS (
      SELECT FROM work.jobs WHERE subject_id = waiting.key AND actor = %(actor)s
  )
ORDER BY (state ->> 'priority')::int, state #>> '{due,at}' COLLATE "C"
LIMIT %(batch)s
"""
