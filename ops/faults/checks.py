"""What must hold after all faults, by the clients' record, the log itself, and the servers."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from psycopg import Connection

from ledger.money import decimal_text
from ops.audits.reading import audited
from ops.benches.audit import verified_chain
from ops.faults.record import Held, Moved, Paid, Record, Refusal
from ops.faults.workload import CURRENCY
from ops.output import Bar
from schema.postgres import connect

QUIET = Bar(None, None)
TERMINAL = ("PaymentCompleted", "PaymentFailed", "PaymentCancelled")
TOLD_MAX = 5


class Aftermath(msgspec.Struct, frozen=True):
    """What is judged: the record, where the log is, and how the servers tell a balance."""

    record: Record
    story: str
    dsn: str
    opening: dict[str, int]
    balance: Callable[[str], str]


def faults_of(after: Aftermath) -> list[str]:
    """Return everything that does not hold."""
    with connect(after.dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        events, broken = verified_chain(connection)
        found = [
            *after.record.strange,
            *broken,
            *strayed(connection, after),
            *unfinished(connection, after),
            *leftovers(connection),
            *wrong_balances(connection, after),
        ]
    return found + [each.line() for each in audited(after.dsn, None, events, QUIET).found]


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
        yield f"lost: {what} {story}, acknowledged and {count} times less in the log"
    for story, count in extra.most_common(TOLD_MAX):
        yield f"doubled: {what} {story}, {count} times more in the log than acknowledged"


def stories(connection: Connection[Any], after: Aftermath, *names: str) -> Counter[str]:
    """Return how often such events were recorded in each story of the drill.

    A hold of a payment is captured in the payment's story, and is not counted.
    """
    values = {"story": after.story, "names": list(names)}
    rows = connection.execute(STORIES, values).fetchall()
    return Counter(dict(rows))


def unfinished(connection: Connection[Any], after: Aftermath) -> Iterator[str]:
    """Tell of payments that did not come to their end exactly once (I4)."""
    for each in after.record.of(Paid):
        assert isinstance(each, Paid)
        rows = connection.execute(ENDS, (f"payment-{each.payment_id}", list(TERMINAL))).fetchall()
        ends = [name for (name,) in rows]
        if ends != ["PaymentCompleted"]:
            yield f"payment {each.payment_id} ended as {ends}"


def leftovers(connection: Connection[Any]) -> Iterator[str]:
    """Tell of work that is still open, and of read models that are behind (I9, I10)."""
    for name, query in LEFT.items():
        for row in connection.execute(query).fetchall()[:TOLD_MAX]:
            yield f"{name}: {', '.join(map(str, row))}"


def wrong_balances(connection: Connection[Any], after: Aftermath) -> Iterator[str]:
    """Tell of balances that are not what the clients' record adds up to (I2, I6)."""
    changes = after.record.changes()
    for account, opening in after.opening.items():
        expected = decimal_text(opening + changes[account], CURRENCY)
        shown = after.balance(account)
        if Decimal(shown) != Decimal(expected):
            yield f"account {account} shows {shown}, and {expected} is known"
    row = connection.execute(SUMS).fetchall()
    for currency, total in row:
        if total:
            yield f"the entries of {currency} add up to {total}"


STORIES = b"""
SELECT correlation_id, count(*) FROM log.events
WHERE name = ANY(%(names)s) AND correlation_id LIKE %(story)s || '%%'
  AND (stream_id NOT LIKE 'account-%%' OR NOT EXISTS (
      SELECT FROM log.events AS beside
      WHERE beside.command_id = events.command_id AND beside.stream_id LIKE 'payment-%%'
  ))
GROUP BY correlation_id
"""
ENDS = b"SELECT name FROM log.events WHERE stream_id = %s AND name = ANY(%s)"
LEFT: dict[str, bytes] = {
    "open job": b"""
        SELECT id, actor, state, attempt FROM work.jobs
        WHERE state IN ('available', 'executing', 'retryable') AND subject_type <> 'schedule'
    """,
    "job without a lease": b"""
        SELECT id, actor FROM work.jobs
        WHERE state = 'executing' AND lease_until < clock_timestamp() - interval '10 seconds'
    """,
    "event without its jobs": b"""
        SELECT relay.position, head.position FROM work.relay, log.head
        WHERE relay.position < head.position
    """,
    "read model behind": b"""
        SELECT projection, status, checkpoints.position, last_error
        FROM read.checkpoints, log.head
        WHERE checkpoints.position < head.position OR status = 'failed'
    """,
}
SUMS = b"""
SELECT entry ->> 'currency', sum((entry ->> 'amount')::numeric)
FROM log.events
CROSS JOIN jsonb_array_elements(convert_from(data, 'UTF8')::jsonb -> 'data' -> 'entries') AS entry
WHERE name = 'PostingBooked' GROUP BY 1
"""
