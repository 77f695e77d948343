"""A log for tests of its followers: appends commands to the real tables, one at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection

from ledger.events.event import Sealed
from ledger.events.payment import PaymentCreated, PaymentProcessingStarted
from ledger.events.recorded import SYSTEM, AnyEvent, Envelope, Metadata
from ledger.identity import new_id
from ledger.times import utc_text
from schema.codec import encode

Line = tuple[str, AnyEvent]


def append(dsn: str, *lines: Line, correlation_id: str = "req_test") -> int:
    """Append the events of one command; return the new head."""
    with psycopg.connect(dsn) as connection:
        return append_in(connection, lines, correlation_id)


def append_in(connection: Connection[Any], lines: Sequence[Line], correlation_id: str) -> int:
    """Append in the caller's transaction; the head stays locked until it ends."""
    head = connection.execute("SELECT position FROM log.head FOR UPDATE").fetchone()
    assert head is not None
    position, command_id = int(head[0]), new_id()
    now = utc_text(datetime.now(UTC))
    for stream, event in lines:
        position += 1
        row = connection.execute(VERSION, (stream,)).fetchone()
        assert row is not None
        envelope = Envelope(
            data=event,
            effective_at=now,
            id=new_id(),
            metadata=Metadata(actor=SYSTEM, correlation_id=correlation_id),
            recorded_at=now,
            schema_version=1,
            stream_id=stream,
            stream_version=row[0],
            type=event.stored_as,
        )
        values = (position, stream, row[0], envelope.id, command_id, event.stored_as)
        connection.execute(EVENT, (*values, encode(envelope), correlation_id, now, now))
    connection.execute("UPDATE log.head SET position = %s, recorded_at = %s", (position, now))
    return position


def created(**terms: Any) -> PaymentCreated:
    """Return a payment over 1.00 USD on the book rail."""
    fields: dict[str, Any] = {
        "user_id": new_id(),
        "user_bank_account_id": new_id(),
        "amount": 100,
        "currency": "USD",
        "direction": "DEBIT",
        "payment_type": "WITHDRAWAL",
        "description": Sealed("", ""),
        "rail": "book",
        "created_by": "test",
    }
    return PaymentCreated(**fields | terms)


def started(trigger: str = "caller") -> PaymentProcessingStarted:
    return PaymentProcessingStarted(hold_id=None, trigger=trigger)


def processing_payment(dsn: str, **terms: Any) -> str:
    """Append a payment that has been started; return its id."""
    payment_id = new_id()
    append(dsn, (f"payment-{payment_id}", created(**terms)))
    append(dsn, (f"payment-{payment_id}", started()))
    return payment_id


def names(dsn: str, stream: str) -> list[str]:
    """Return the names of the events of a stream."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(NAMES, (stream,)).fetchall()
    return [name for (name,) in rows]


VERSION = "SELECT count(*) + 1 FROM log.events WHERE stream_id = %s"
NAMES = "SELECT name FROM log.events WHERE stream_id = %s ORDER BY version"
EVENT = """
INSERT INTO log.events (
    position, stream_id, version, event_id, command_id, name, schema_version, data,
    correlation_id, recorded_at, effective_at, content_hash, chain_hash
) VALUES (%s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s, '', '')
"""
