"""The courier: writes down for every endpoint what it is to be told, in the order of the log.

Each endpoint has a place in the log of its own; whoever holds its row moves it, in any process.
"""

from threading import Event
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import class_row

from ledger.policies.bulletins import BULLETINS, PING, told_as
from projections.notices import Notice
from workers.database import Clock, Pool, transaction
from workers.deliveries import Delivery, ask_for_next, delivery_id, write_down

READS = ["stream_feed", "webhook_endpoints", "payments", "accounts", "transactions", "holds",
         "transfers", "connections", "reconciliation"]  # fmt: skip
"""Nothing is told before all of these know of it."""
PINGED = "WebhookPingRequested"
ENDPOINTS_AT_ONCE, NOTICES_AT_ONCE = 50, 500
IDLE_SECONDS, UNREACHABLE_SECONDS = 0.25, 1.0
FAR_BEHIND = 1_000
"""An endpoint nothing happens for moves on when it is so many positions behind."""


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """An active endpoint, and up to where its deliveries have been written down."""

    id: str
    user_id: str
    scope: str
    event_types: bytes
    position: int

    @property
    def types(self) -> tuple[str, ...]:
        """Return the names of the events it wants."""
        return msgspec.json.decode(self.event_types, type=tuple[str, ...])


class Courier(msgspec.Struct, frozen=True):
    """Follows the feed for all endpoints; any number of couriers may do so."""

    pool: Pool
    clock: Clock

    def run(self, stop: Event) -> None:
        """Go on until `stop`. An outage is waited out."""
        log = structlog.get_logger()
        while not stop.is_set():
            try:
                stop.wait(0 if self.turn() else IDLE_SECONDS)
            except psycopg.Error as failure:
                log.warning("courier.interrupted", failure=str(failure))
                stop.wait(UNREACHABLE_SECONDS)

    def turn(self) -> bool:
        """Write down what is next for some endpoints; return whether there was anything."""
        with transaction(self.pool) as connection:
            connection.execute(NEW)
            [(reached,)] = connection.execute(REACHED, (READS,)).fetchall()
            found = [self.follow(connection, each, reached) for each in behind(connection, reached)]
            if any(found):
                ask_for_next(connection, self.clock(connection))
        return any(found)

    def follow(self, connection: Connection[Any], endpoint: Listening, reached: int) -> bool:
        """Write down the next deliveries of an endpoint, and move its place."""
        found = notices(connection, endpoint, reached)
        rows = [each for notice in found for each in deliveries_of(endpoint, notice)]
        write_down(connection, rows, self.clock(connection))
        place = found[-1].position if len(found) == NOTICES_AT_ONCE else reached
        if found or place - endpoint.position > FAR_BEHIND:
            connection.execute(MOVE, (place, endpoint.id))
        return bool(rows)


def behind(connection: Connection[Any], reached: int) -> list[Listening]:
    """Return active endpoints that are behind, nobody else's until the transaction ends."""
    with connection.cursor(row_factory=class_row(Listening)) as cursor:
        return cursor.execute(BEHIND, (reached, ENDPOINTS_AT_ONCE)).fetchall()


def notices(connection: Connection[Any], endpoint: Listening, reached: int) -> list[Notice]:
    """Return the next notices that are an endpoint's to hear."""
    values = {
        "after": endpoint.position,
        "until": reached,
        "owner": None if endpoint.scope == "all" else endpoint.user_id,
        "kinds": [*BULLETINS, PINGED],
        "limit": NOTICES_AT_ONCE,
    }
    with connection.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(NOTICES, values).fetchall()


def deliveries_of(endpoint: Listening, notice: Notice) -> list[Delivery]:
    """Return what an endpoint is told of a notice; a test goes to the one that is tested."""
    if notice.kind == PINGED:
        if notice.subject != endpoint.id:
            return []
        return [delivery(endpoint, notice, PING, notice.note or "")]
    return [
        delivery(endpoint, notice, name, delivery_id(endpoint.id, notice.position, name))
        for name in told_as(notice.kind, endpoint.types)
    ]


def delivery(endpoint: Listening, notice: Notice, name: str, identity: str) -> Delivery:
    """Return a delivery that was never tried."""
    return Delivery(
        id=identity,
        endpoint_id=endpoint.id,
        event_type=name,
        position=notice.position,
        status="pending",
        round=1,
        attempts=0,
    )


NEW = b"""
INSERT INTO work.webhook_cursors (endpoint_id, position)
SELECT id, position FROM read.webhook_endpoints
WHERE NOT EXISTS (SELECT FROM work.webhook_cursors WHERE endpoint_id = webhook_endpoints.id)
ON CONFLICT DO NOTHING
"""
REACHED = b"SELECT min(position) FROM read.checkpoints WHERE projection = ANY(%s)"
BEHIND = b"""
SELECT e.id::text, e.user_id::text, e.scope, e.event_types, c.position
FROM work.webhook_cursors AS c
JOIN read.webhook_endpoints AS e ON e.id = c.endpoint_id
WHERE e.status = 'ACTIVE' AND c.position < %s
ORDER BY c.position LIMIT %s
FOR UPDATE OF c SKIP LOCKED
"""
NOTICES = b"""
SELECT position, kind, subject, user_id::text, other_user_id::text, account_id::text,
    payment_id::text, note, recorded_at
FROM read.stream_feed
WHERE position > %(after)s AND position <= %(until)s AND kind = ANY(%(kinds)s)
    AND (%(owner)s::uuid IS NULL OR user_id = %(owner)s OR other_user_id = %(owner)s)
ORDER BY position LIMIT %(limit)s
"""
MOVE = b"UPDATE work.webhook_cursors SET position = %s WHERE endpoint_id = %s"
