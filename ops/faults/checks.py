"""What must hold as soon as a house has healed, by the clients' record and the log (guide §1.4)."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from psycopg import Connection

from ledger.money import decimal_text
from ops.faults.record import Held, Moved, Paid, Record, Refusal
from ops.faults.workload import CURRENCY
from schema.postgres import connect

TERMINAL = ("PaymentCompleted", "PaymentFailed", "PaymentCancelled")
TOLD_MAX = 5


class Aftermath(msgspec.Struct, frozen=True):
    """What is judged: the record, where the log is, and how the servers tell a balance.

    Jobs that were asked for before `began` (UTC) are not the drill's.
    """

    record: Record
    story: str
    dsn: str
    began: datetime
    opening: dict[str, int]
    balance: Callable[[str], str]


def faults_of(after: Aftermath) -> list[str]:
    """Return everything that does not hold, each under the number of its invariant."""
    with connect(after.dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        return [
            *after.record.strange,
            *strayed(connection, after),
            *islice(unfinished(connection, after), TOLD_MAX),
            *rows_of(connection, WRONG | LEFT, after.began),
            *wrong_balances(connection, after),
        ]


def stragglers_of(after: Aftermath) -> int:
    """Return how much work has not come to its end: jobs, and payments without a last event."""
    with connect(after.dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        row = connection.execute(OPEN_JOBS, {"began": after.began}).fetchone()
        assert row is not None, "a count is one row"
        return int(row[0]) + len(list(unfinished(connection, after)))


def strayed(connection: Connection[Any], after: Aftermath) -> Iterator[str]:
    """Tell of acknowledged commands that are not in the log once, and of what is too much (I3)."""
    booked = stories(connection, after, "TransferBooked")
    held = stories(connection, after, "HoldCaptured", "HoldReleased")
    started = stories(connection, after, "PaymentProcessingStarted")
    expected: dict[str, Counter[str]] = {name: Counter() for name in ("booked", "held", "started")}
    for each in after.record.outcomes:
        match each:
            case Moved(story=story):
                expected["booked"][story] += 1
            case Held(story=story):
                expected["held"][story] += 1
            case Paid(story=story):
                expected["started"][story] += 1
            case Refusal():
                continue
    actual = {"booked": booked, "held": held, "started": started}
    for name, known in expected.items():
        yield from differences(name, known, actual[name])


def differences(what: str, known: Counter[str], logged: Counter[str]) -> Iterator[str]:
    """Tell where the clients' counts and those of the log are not the same."""
    lost, extra = known - logged, logged - known
    for story, count in lost.most_common(TOLD_MAX):
        yield f"I3 lost: {what} {story}, acknowledged and {count} times less in the log"
    for story, count in extra.most_common(TOLD_MAX):
        yield f"I4 doubled: {what} {story}, {count} times more in the log than acknowledged"


def stories(connection: Connection[Any], after: Aftermath, *names: str) -> Counter[str]:
    """Return how often such events were recorded in each story of the drill.

    A hold of a payment is captured in the payment's story, and is not counted.
    """
    values = {"story": after.story, "names": list(names)}
    rows = connection.execute(STORIES, values).fetchall()
    return Counter(dict(rows))


def unfinished(connection: Connection[Any], after: Aftermath) -> Iterator[str]:
    """Tell of payments that did not come to their end exactly once (I4)."""
    paid = [each.payment_id for each in after.record.outcomes if isinstance(each, Paid)]
    streams = [f"payment-{payment_id}" for payment_id in paid]
    ends: dict[str, list[str]] = {stream: [] for stream in streams}
    for stream, name in connection.execute(ENDS, (streams, list(TERMINAL))).fetchall():
        ends[stream].append(name)
    for stream, names in ends.items():
        if names != ["PaymentCompleted"]:
            yield f"I4 {stream} ended as {names}"


def rows_of(
    connection: Connection[Any], questions: dict[str, bytes], began: datetime
) -> Iterator[str]:
    """Tell of the first rows that each question finds; there should be none."""
    for name, query in questions.items():
        for row in connection.execute(query, {"began": began}).fetchmany(TOLD_MAX):
            yield f"{name}: {', '.join(map(str, row))}"


def wrong_balances(connection: Connection[Any], after: Aftermath) -> Iterator[str]:
    """Tell of balances that are not what the clients' record adds up to (I2)."""
    changes = after.record.changes()
    for account, opening in after.opening.items():
        expected = decimal_text(opening + changes[account], CURRENCY)
        shown = after.balance(account)
        if Decimal(shown) != Decimal(expected):
            yield f"I2 account {account} shows {shown}, and {expected} is known"
    for currency, total in connection.execute(SUMS).fetchall():
        if total:
            yield f"I2 the entries of {currency} add up to {total}"


STORIES = b"""
SELECT correlation_id, count(*) FROM log.events
WHERE name = ANY(%(names)s) AND correlation_id LIKE %(story)s || '%%'
  AND (stream_id NOT LIKE 'account-%%' OR NOT EXISTS (
      SELECT FROM log.events AS beside
      WHERE beside.command_id = events.command_id AND beside.stream_id LIKE 'payment-%%'
  ))
GROUP BY correlation_id
"""
ENDS = b"SELECT stream_id, name FROM log.events WHERE stream_id = ANY(%s) AND name = ANY(%s)"
WRONG: dict[str, bytes] = {
    "I1 unbalanced entry": b"""
        SELECT position, entry ->> 'currency', sum((entry ->> 'amount')::numeric)
        FROM log.events
        CROSS JOIN
            jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'data' -> 'entries') AS entry
        WHERE name = 'PostingBooked'
        GROUP BY 1, 2 HAVING sum((entry ->> 'amount')::numeric) <> 0
    """,
    "I4 command under two keys": b"""
        SELECT command_id, count(*) FROM log.commands GROUP BY 1 HAVING count(*) > 1
    """,
    "I9 job closed twice": b"""
        SELECT job_id, count(*) FROM work.attempts
        WHERE outcome IN ('completed', 'discarded')
        GROUP BY 1 HAVING count(*) > 1
    """,
    "I12 event without its command": b"""
        SELECT position, name FROM log.events
        WHERE NOT EXISTS (
            SELECT FROM log.commands WHERE commands.command_id = events.command_id
        )
    """,
}
LEFT: dict[str, bytes] = {
    "I9 open job": b"""
        SELECT id, actor, state, attempt FROM work.jobs
        WHERE state IN ('available', 'executing', 'retryable') AND subject_type <> 'schedule'
            AND inserted_at >= %(began)s
    """,
    "I9 job without a lease": b"""
        SELECT id, actor FROM work.jobs
        WHERE state = 'executing' AND lease_until < clock_timestamp() - interval '10 seconds'
    """,
    "I9 event without its jobs": b"""
        SELECT relay.position, head.position FROM work.relay, log.head
        WHERE relay.position < head.position
    """,
    "I10 read model behind": b"""
        SELECT projection, status, checkpoints.position, last_error
        FROM read.checkpoints, log.head
        WHERE checkpoints.position < head.position OR status = 'failed'
    """,
}
OPEN_JOBS = b"""
SELECT count(*) FROM work.jobs
WHERE state IN ('available', 'executing', 'retryable') AND subject_type <> 'schedule'
    AND inserted_at >= %(began)s
"""
SUMS = b"""
SELECT entry ->> 'currency', sum((entry ->> 'amount')::numeric)
FROM log.events
CROSS JOIN jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'data' -> 'entries') AS entry
WHERE name = 'PostingBooked' GROUP BY 1
"""
