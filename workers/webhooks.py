"""Webhooks: one delivery to one endpoint, signed, tried again, and given up (jobs.md §7)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg import Connection

from ledger.commands.webhook_endpoint import DisableEndpoint
from ledger.errors import Reason, Refused
from ledger.policies.outside import Target, target_of
from ledger.policies.signatures import signature
from ledger.times import utc_text
from schema.webhook_secrets import WebhookSecrets
from workers.attempts import Actor, Completed, Discarded, Run, Verdict
from workers.books import Books
from workers.database import Clock, Pool, transaction
from workers.deliveries import (
    DEAD_MAX,
    DELIVER,
    QUEUE,
    Delivery,
    Result,
    delivered,
    delivery_by_id,
    died,
    dropped,
    tried,
)
from workers.outside import Unanswered, post
from workers.retries import Failed, Failure, RetryRules
from workers.spans import UNTRACED, Outward, Spans

TIME_LIMIT_SECONDS = 2 * 60
DELAYS_MS = (1_000, 5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000)
BOTH_SIGN = timedelta(hours=24)
GONE = 410

Tell = Callable[[int, str, str | None], dict[str, Any]]
"""Returns what is told of a position, under a name, as somebody (None: a reader) may see it."""


class Receiver(msgspec.Struct, frozen=True):
    """Where a delivery goes, and the secrets that sign it."""

    url: str
    viewer: str | None
    secrets: tuple[bytes, ...]


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """Sends deliveries; `private` hosts may be told too."""

    pool: Pool
    clock: Clock
    books: Books
    tell: Tell
    secrets: WebhookSecrets
    private: bool
    delays_ms: tuple[int, ...] = DELAYS_MS
    spans: Spans = UNTRACED

    def actor(self) -> Actor:
        """Return the kind of work."""
        return Actor(
            name=DELIVER,
            queue=QUEUE,
            time_limit_seconds=TIME_LIMIT_SECONDS,
            perform=self.deliver,
            exhausted=self.give_up,
            rules=RetryRules(external_ms=self.delays_ms),
        )

    def deliver(self, run: Run) -> Verdict:
        """Send a delivery that is pending to an endpoint that is active."""
        with transaction(self.pool) as connection:
            at = self.clock(connection)
            delivery = delivery_by_id(connection, run.job.subject_id)
            if delivery is None or delivery.status != "pending":
                return Completed()
            receiver = self.receiver_of(connection, delivery.endpoint_id, at)
            if receiver is None:
                dropped(connection, delivery, "endpoint_disabled", at)
                return Completed()
        result = self.sent(delivery, receiver, at)
        with transaction(self.pool) as connection:
            at = self.clock(connection)
            if result.status is not None and result.status // 100 == 2:  # noqa: PLR2004  # 2xx
                delivered(connection, delivery, result.status, at)
                return Completed()
            tried(connection, delivery, result, at, self.next_at(run, at))
        if result.status == GONE:
            return self.end(run, delivery, "gone")
        if result.error == Reason.URL_NOT_ALLOWED:
            raise Failed(Reason.URL_NOT_ALLOWED)
        raise Failed(Reason.NOTIFICATION_DELIVERY_FAILED)

    def receiver_of(
        self, connection: Connection[Any], endpoint_id: str, at: datetime
    ) -> Receiver | None:
        """Return where deliveries of an active endpoint go; None when it takes none."""
        row = connection.execute(RECEIVER, (endpoint_id,)).fetchone()
        if row is None:
            return None
        url, scope, user_id, secret_id, previous, rotated_at = row
        both = previous is not None and rotated_at > utc_text(at - BOTH_SIGN)
        signing = self.secrets.of(connection, (secret_id, previous) if both else (secret_id,))
        return Receiver(url, None if scope == "all" else user_id, tuple(signing))

    def sent(self, delivery: Delivery, receiver: Receiver, at: datetime) -> Result:
        """Send a delivery once; return what came of it."""
        told = self.tell(delivery.position, delivery.event_type, receiver.viewer)
        body = msgspec.json.encode(told | {"id": delivery.id})
        timestamp = int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "LedgerBank-Webhooks/1",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(list(receiver.secrets), delivery.id, timestamp, body),
        }
        try:
            target = target_of(receiver.url, private=self.private)
            status = self.posted(target, headers, body)
        except Refused as refused:
            return Result(None, refused.reason)
        except Failed as failed:
            return Result(None, failed.failure.reason)
        except Unanswered as unanswered:
            return Result(None, str(unanswered))
        return Result(status, None if status // 100 == 2 else f"HTTP {status}")  # noqa: PLR2004  # 2xx

    def posted(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """Post a body; return the status of the answer."""
        call = Outward(
            peer="webhook",
            operation=DELIVER,
            host=target.host,
            port=target.port,
            method="POST",
        )
        with self.spans.call(call) as span:
            status = post(target, {**headers, **span.headers}, body, private=self.private)
            span.answered(status)
        return status

    def next_at(self, run: Run, at: datetime) -> datetime | None:
        """Return when the next attempt is due at the earliest; None when there is none."""
        if run.job.failures >= len(self.delays_ms):
            return None
        return at + timedelta(milliseconds=self.delays_ms[run.job.failures])

    def give_up(self, run: Run, failure: Failure) -> Verdict:
        """End a delivery that nobody took; after many in a row nothing more is sent there."""
        with transaction(self.pool) as connection:
            delivery = delivery_by_id(connection, run.job.subject_id)
            if delivery is None or delivery.status != "pending":
                return Discarded(failure.reason)
            in_row = died(connection, delivery, self.clock(connection))
        if in_row >= DEAD_MAX:
            self.disable(run, delivery, "deliveries_failed")
        return Discarded(failure.reason)

    def end(self, run: Run, delivery: Delivery, cause: str) -> Verdict:
        """End a delivery together with its endpoint."""
        self.disable(run, delivery, cause)
        with transaction(self.pool) as connection:
            died(connection, delivery, self.clock(connection))
        return Discarded(Reason.NOTIFICATION_DELIVERY_FAILED)

    def disable(self, run: Run, delivery: Delivery, cause: str) -> None:
        """Tell an endpoint nothing more."""
        command = DisableEndpoint(endpoint_id=delivery.endpoint_id, cause=cause)
        self.books.handle(command, run.job.context)


RECEIVER = b"""
SELECT url, scope, user_id::text, secret_id::text, previous_secret_id::text, rotated_at
FROM read.webhook_endpoints WHERE id = %s AND status = 'ACTIVE'
"""
