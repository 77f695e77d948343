"""Deliveries: what is to be sent to webhook endpoints, and what became of it (jobs.md §7).

Of each endpoint only the oldest delivery that was never tried has a job: first attempts are made
in the order of the log.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from ledger.identity import derived_id
from ledger.times import utc_text
from workers.jobs import Cause, JobWanted, ask

QUEUE, DELIVER = "notifications", "deliver_webhook"
DEAD_MAX = 10
"""So many dead deliveries in a row disable an endpoint."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one endpoint."""

    id: str
    endpoint_id: str
    event_type: str
    position: int
    status: str
    round: int
    attempts: int


class Result(msgspec.Struct, frozen=True):
    """What became of one attempt: the answer's status if there was one, or what went wrong."""

    status: int | None
    error: str | None


def delivery_id(endpoint_id: str, position: int, event_type: str) -> str:
    """Return the id by which a receiver tells repetitions of the same event."""
    return derived_id("delivery", endpoint_id, str(position), event_type)


def write_down(connection: Connection[Any], rows: Sequence[Delivery], at: datetime) -> None:
    """Keep deliveries that are to be made; those that are kept already stay as they are."""
    values = [(*msgspec.structs.astuple(each)[:4], utc_text(at)) for each in rows]
    with connection.cursor() as cursor:
        cursor.executemany(WRITE, values)


def ask_for_next(connection: Connection[Any], at: datetime, endpoint_id: str | None = None) -> int:
    """Ask for the next first attempt of an endpoint, or of all; return how many there are."""
    rows = connection.execute(NEXT, {"endpoint": endpoint_id}).fetchall()
    for identity, number, correlation_id, event_id, position, traceparent in rows:
        cause = Cause(
            correlation_id=correlation_id,
            causation_id=event_id,
            traceparent=traceparent,
            position=position,
        )
        ask(connection, wanted(identity, number), cause, at)
    return len(rows)


def wanted(identity: str, number: int) -> JobWanted:
    """Return the job that makes a delivery, for the nth time somebody wants it."""
    return JobWanted(
        actor=DELIVER,
        queue=QUEUE,
        subject_type="delivery",
        subject_id=identity,
        cause=f"{identity}/{number}",
        unique_key=f"{DELIVER}/{identity}",
    )


def delivery_by_id(connection: Connection[Any], identity: str) -> Delivery | None:
    """Return one delivery."""
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(BY_ID, (identity,)).fetchone()


def tried(
    connection: Connection[Any],
    delivery: Delivery,
    result: Result,
    at: datetime,
    next_at: datetime | None,
) -> None:
    """Write down an attempt that failed, and when the next one is due at the earliest."""
    values = {
        "id": delivery.id,
        "status": result.status,
        "error": result.error,
        "next": None if next_at is None else utc_text(next_at),
    }
    connection.execute(TRIED, values)
    ask_for_next(connection, at, delivery.endpoint_id)


def delivered(connection: Connection[Any], delivery: Delivery, status: int, at: datetime) -> None:
    """Write down that an endpoint took a delivery."""
    connection.execute(DELIVERED, {"id": delivery.id, "status": status, "at": utc_text(at)})
    connection.execute(ALIVE, (delivery.endpoint_id,))
    ask_for_next(connection, at, delivery.endpoint_id)


def died(connection: Connection[Any], delivery: Delivery, at: datetime) -> int:
    """Write down that a delivery will not be tried again; return how many died in a row."""
    connection.execute(DIED, (delivery.id,))
    row = connection.execute(ONE_MORE, (delivery.endpoint_id,)).fetchone()
    ask_for_next(connection, at, delivery.endpoint_id)
    return 0 if row is None else int(row[0])


def dropped(connection: Connection[Any], delivery: Delivery, why: str, at: datetime) -> None:
    """Write down that a delivery is not made, because its endpoint takes nothing any more."""
    connection.execute(DROPPED, (why, delivery.id))
    ask_for_next(connection, at, delivery.endpoint_id)


def send_again(connection: Connection[Any], endpoint_id: str, position: int, at: datetime) -> int:
    """Have everything sent again that an endpoint was told from a position on."""
    count = connection.execute(AGAIN, (endpoint_id, position)).rowcount
    connection.execute(BACK, (position - 1, endpoint_id))
    ask_for_next(connection, at, endpoint_id)
    return count


WRITE = b"""
INSERT INTO work.deliveries (id, endpoint_id, event_type, position, inserted_at)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (id) DO NOTHING
"""
NEXT = b"""
SELECT d.id, d.round, e.correlation_id, e.event_id::text, d.position,
    convert_from(e.data, 'UTF8')::json #>> '{metadata,traceparent}'
FROM (
    SELECT DISTINCT ON (endpoint_id) endpoint_id, id::text, round, position
    FROM work.deliveries
    WHERE status = 'pending' AND attempts = 0
        AND (%(endpoint)s::uuid IS NULL OR endpoint_id = %(endpoint)s)
    ORDER BY endpoint_id, position, event_type
) AS d
JOIN log.events AS e ON e.position = d.position
ORDER BY d.endpoint_id
"""
BY_ID = b"""
SELECT id::text, endpoint_id::text, event_type, position, status, round, attempts
FROM work.deliveries WHERE id = %s
"""
TRIED = b"""
UPDATE work.deliveries SET attempts = attempts + 1, response_status = %(status)s,
    last_error = %(error)s, next_attempt_at = %(next)s
WHERE id = %(id)s
"""
DELIVERED = b"""
UPDATE work.deliveries SET status = 'delivered', attempts = attempts + 1,
    response_status = %(status)s, last_error = NULL, next_attempt_at = NULL, delivered_at = %(at)s
WHERE id = %(id)s
"""
ALIVE = (
    b"UPDATE work.webhook_cursors SET dead_in_row = 0 WHERE endpoint_id = %s AND dead_in_row > 0"
)
DIED = b"UPDATE work.deliveries SET status = 'dead', next_attempt_at = NULL WHERE id = %s"
ONE_MORE = b"""
UPDATE work.webhook_cursors SET dead_in_row = dead_in_row + 1
WHERE endpoint_id = %s RETURNING dead_in_row
"""
DROPPED = b"""
UPDATE work.deliveries SET status = 'dead', last_error = %s, next_attempt_at = NULL
WHERE id = %s
"""
AGAIN = b"""
UPDATE work.deliveries SET status = 'pending', attempts = 0, round = round + 1,
    response_status = NULL, last_error = NULL, next_attempt_at = NULL, delivered_at = NULL
WHERE endpoint_id = %s AND position >= %s AND status <> 'pending'
"""
BACK = b"""
UPDATE work.webhook_cursors SET position = least(position, %s), dead_in_row = 0
WHERE endpoint_id = %s
"""
