"""What can have happened to the security of the house (events_audit.md §4)."""

from typing import ClassVar, TypeAlias

import msgspec

from ledger.events.event import Event

Fact: TypeAlias = str | int | bool | tuple[str, ...] | None
"""A detail: names, counts, reasons and ids; never personal text and never a secret."""


class Silence(msgspec.Struct, frozen=True):
    """Until when nothing more is said about `key`, a keyed hash of who did what."""

    key: str
    until: str


class SecurityEvent(Event, frozen=True, kw_only=True):
    """Something the audit log tells: about which record, and how it ended.

    `outcome` is success, denied or failure. Who it was and from where is in the metadata.
    """

    action: ClassVar[str] = ""
    """What the audit log calls it, where that is not the stored name."""
    outcome: str
    subject_type: str | None = None
    subject_id: str | None = None
    details: dict[str, Fact] = msgspec.field(default_factory=dict)
    silence: Silence | None = None


class LoginSucceeded(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "LoginSucceeded"


class LoginFailed(SecurityEvent, frozen=True, kw_only=True):
    """`details.address_hash` is a keyed hash of the address that was tried."""

    stored_as: ClassVar[str] = "LoginFailed"


class LoginThrottled(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "LoginThrottled"


class LoggedOut(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "LoggedOut"


class AllSessionsEnded(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AllSessionsEnded"


class RefreshTokenReuseAudited(SecurityEvent, frozen=True, kw_only=True):
    """The session's own event has the name of the action, and names are stored once."""

    stored_as: ClassVar[str] = "RefreshTokenReuseAudited"
    action: ClassVar[str] = "RefreshTokenReuseDetected"


class TokenRejected(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "TokenRejected"


class AccessDenied(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccessDenied"


class RateLimitExceeded(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "RateLimitExceeded"


class AdminActionPerformed(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AdminActionPerformed"


class UserLifecycleChanged(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "UserLifecycleChanged"


class ServiceKeyIssued(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ServiceKeyIssued"


class ServiceKeyRevoked(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ServiceKeyRevoked"


class WebhookRejected(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "WebhookRejected"


class FraudReported(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "FraudReported"


class JobDeadLettered(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "JobDeadLettered"


class SuspiciousRequest(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SuspiciousRequest"


class ConfigurationChanged(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ConfigurationChanged"


class KeysRotated(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "KeysRotated"


class ProjectionRebuilt(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ProjectionRebuilt"


class ErasurePerformed(SecurityEvent, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ErasurePerformed"


AuditEvent: TypeAlias = (
    LoginSucceeded
    | LoginFailed
    | LoginThrottled
    | LoggedOut
    | AllSessionsEnded
    | RefreshTokenReuseAudited
    | TokenRejected
    | AccessDenied
    | RateLimitExceeded
    | AdminActionPerformed
    | UserLifecycleChanged
    | ServiceKeyIssued
    | ServiceKeyRevoked
    | WebhookRejected
    | FraudReported
    | JobDeadLettered
    | SuspiciousRequest
    | ConfigurationChanged
    | KeysRotated
    | ProjectionRebuilt
    | ErasurePerformed
)

STARRED: frozenset[type[SecurityEvent]] = frozenset({
    TokenRejected, AccessDenied, RateLimitExceeded, WebhookRejected, SuspiciousRequest,
})  # fmt: skip
"""What is told only while ENABLE_SECURITY_AUDIT is on."""


def action_of(kind: type[SecurityEvent]) -> str:
    """Return what the audit log calls an event of this kind."""
    return kind.action or kind.stored_as


ACTIONS: tuple[str, ...] = tuple(action_of(kind) for kind in AuditEvent.__args__)
"""All actions of the audit log, in the order of its table."""
