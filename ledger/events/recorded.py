"""Recorded: an event with its place in history; and the list of all events there are."""

from typing import Generic, TypeAlias, TypeVar

import msgspec

from ledger.events.account import AccountEvent
from ledger.events.announcement import AnnouncementEvent
from ledger.events.audit import AuditEvent
from ledger.events.bank import BankEvent
from ledger.events.connection import ConnectionEvent
from ledger.events.event import Event, Sealed
from ledger.events.job import JobEvent
from ledger.events.payment import PaymentEvent
from ledger.events.period import PeriodEvent
from ledger.events.posting import PostingEvent
from ledger.events.projection import ProjectionEvent
from ledger.events.quote import QuoteEvent
from ledger.events.reconciliation import ReconciliationEvent
from ledger.events.service_account import ServiceAccountEvent
from ledger.events.session import SessionEvent
from ledger.events.transfer import TransferEvent
from ledger.events.user import RosterEvent, UserEvent
from ledger.events.webhook import WebhookReceived
from ledger.events.webhook_endpoint import WebhookEndpointEvent

AnyEvent: TypeAlias = (
    UserEvent
    | RosterEvent
    | SessionEvent
    | ServiceAccountEvent
    | AccountEvent
    | PostingEvent
    | TransferEvent
    | PaymentEvent
    | BankEvent
    | ConnectionEvent
    | ReconciliationEvent
    | WebhookReceived
    | QuoteEvent
    | PeriodEvent
    | JobEvent
    | ProjectionEvent
    | AuditEvent
    | WebhookEndpointEvent
    | AnnouncementEvent
)

EVENT_TYPES: dict[str, type[Event]] = {kind.stored_as: kind for kind in AnyEvent.__args__}
"""Every event type by its stored name."""

D = TypeVar("D")


class Actor(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who asked: `type` is user, service, system, provider or anonymous."""

    type: str
    id: str | None = None
    role: str | None = None


SYSTEM = Actor(type="system")
OPERATOR = Actor(type="system", role="operator")
"""Whoever has the command line: trusted like the system, and audited like staff."""
ANONYMOUS = Actor(type="anonymous")


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who asked and why (events_audit.md §1); shared by all events of one command.

    `ip` and `user_agent` are there when the command has something to tell the audit log.
    """

    actor: Actor
    correlation_id: str
    causation_id: str | None = None
    idempotency_key_hash: str | None = None
    traceparent: str | None = None
    ip: Sealed | None = None
    user_agent: Sealed | None = None


class Envelope(msgspec.Struct, Generic[D], frozen=True, kw_only=True, gc=False):
    """The stored form of an event, without its position: the exact bytes that are hashed.

    Times are RFC 3339 UTC text with microseconds; `stream_version` counts from 1.
    """

    data: D
    effective_at: str
    id: str
    metadata: Metadata
    recorded_at: str
    schema_version: int
    stream_id: str
    stream_version: int
    type: str


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event read back from the log: its global position and its envelope."""

    position: int
    envelope: Envelope[AnyEvent]

    @property
    def originator_id(self) -> str:
        """Return the stream, by the event-sourcing library's name for it."""
        return self.envelope.stream_id

    @property
    def originator_version(self) -> int:
        """Return the place in the stream, by the event-sourcing library's name for it."""
        return self.envelope.stream_version

    @property
    def event(self) -> AnyEvent:
        """Return the fact itself."""
        return self.envelope.data
