"""Connection: PENDING → ACTIVE ⇄ ERROR → EXPIRED → REVOKED, as a table (banking.md §2)."""

from ledger.aggregates.connection_states import (
    Active,
    Connection,
    Expired,
    Failing,
    Pending,
    Revoked,
    SyncAsked,
    lapsed,
)
from ledger.commands.connection import (
    AuthoriseConnection,
    CancelSync,
    ChangeSyncFrequency,
    CompleteSync,
    ConnectionCommand,
    DenyConnection,
    ExpireConnection,
    FailSync,
    RefreshTokens,
    RequestConnection,
    RequestSync,
    RevokeConnection,
    StartSync,
)
from ledger.errors import Reason, Refused
from ledger.events.connection import (
    ConnectionAuthorised,
    ConnectionEvent,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRevoked,
    ConnectionTokensRefreshed,
    SyncCompleted,
    SyncFailed,
    SyncFrequencyChanged,
    SyncRequested,
    SyncStarted,
)
from ledger.events.event import sealed_or_none
from ledger.times import later_by

MANUAL_SYNC_SECONDS = 5 * 60
"""For so long a sync that somebody asked for is the answer to the next who asks."""
FORGOTTEN_SECONDS = 60 * 60
"""A sync of which nothing was heard for so long is not waited for."""


def decide(
    connection: Connection, command: ConnectionCommand, now: str, by: str | None
) -> list[ConnectionEvent]:
    """Answer every command about a connection there is; no answer means nothing to record."""
    match command:
        case RequestConnection():
            return []
        case AuthoriseConnection():
            return authorised(connection, command)
        case RefreshTokens():
            return refreshed(connection, command)
        case DenyConnection():
            waits = isinstance(connection.condition, Pending)
            return [ConnectionRevoked(cause="consent_denied", by=None)] if waits else []
        case ExpireConnection():
            return expired(connection, command, now)
        case ChangeSyncFrequency(seconds=seconds):
            same = seconds == connection.sync_frequency
            return [] if same else [SyncFrequencyChanged(seconds=seconds)]
        case RevokeConnection(cause=cause):
            over = isinstance(connection.condition, Revoked)
            return [] if over else [ConnectionRevoked(cause=cause, by=by)]
        case RequestSync() | StartSync() | CompleteSync() | FailSync() | CancelSync():
            return sync(connection, command, now)


def authorised(connection: Connection, command: AuthoriseConnection) -> list[ConnectionEvent]:
    """Take a consent: the first one, or another after the last was lost."""
    if isinstance(connection.condition, Revoked):
        raise Refused(Reason.INVALID_OAUTH_STATE, parameter="state")
    if connection.token_ref == command.tokens.token_ref:
        return []
    consent = ConnectionAuthorised(
        scope=command.scope,
        provider_user_id=sealed_or_none(command.provider_user_id),
        token_ref=command.tokens.token_ref,
        token_expires_at=command.tokens.expires_at,
        consent_expires_at=command.consent_expires_at,
    )
    return [consent, SyncRequested(job_key=command.job_key, by="authorisation")]


def refreshed(connection: Connection, command: RefreshTokens) -> list[ConnectionEvent]:
    """Take new tokens; the same ones again are no news."""
    refuse_dead(connection)
    tokens = command.tokens
    if connection.token_ref == tokens.token_ref:
        return []
    return [
        ConnectionTokensRefreshed(token_ref=tokens.token_ref, token_expires_at=tokens.expires_at)
    ]


def expired(connection: Connection, command: ExpireConnection, now: str) -> list[ConnectionEvent]:
    """End a consent whose time is over, or that the provider refuses."""
    if command.refused and isinstance(connection.condition, Active | Failing):
        return [ConnectionExpired(reason="consent_expired")]
    why = lapsed(connection, now)
    return [] if why is None else [ConnectionExpired(reason=why)]


def refuse_dead(connection: Connection) -> None:
    """Refuse what needs a consent when there is none."""
    match connection.condition:
        case Expired():
            raise Refused(Reason.CONSENT_EXPIRED, consent_expires_at=connection.consent_expires_at)
        case Pending() | Revoked():
            raise Refused(Reason.CONNECTION_INACTIVE, status=connection.status)
        case Active() | Failing():
            return


def sync(
    connection: Connection,
    command: RequestSync | StartSync | CompleteSync | FailSync | CancelSync,
    now: str,
) -> list[ConnectionEvent]:
    """Follow a sync from the wish to its end."""
    asked = connection.sync
    match command:
        case RequestSync():
            refuse_unreadable(connection, now)
            if asked is not None and serves(asked, command, now):
                return []
            return [SyncRequested(job_key=command.job_key, by=command.by)]
        case StartSync(job_key=job_key):
            refuse_unreadable(connection, now)
            return [] if begun(connection, job_key) else [SyncStarted(job_key=job_key)]
        case CompleteSync(job_key=job_key):
            return [completed(command)] if goes_on(asked, job_key) else []
        case FailSync(job_key=job_key, reason=reason, attempt=attempt):
            if not goes_on(asked, job_key):
                return []
            failed = SyncFailed(job_key=job_key, reason=reason, attempt=attempt)
            if not isinstance(connection.condition, Active):
                return [failed]
            return [failed, ConnectionFailed(reason=reason)]
        case CancelSync(job_key=job_key):
            why = Reason.PROCESSING_CANCELLED
            waits = asked is not None and asked.job_key == job_key and not asked.over
            return [SyncFailed(job_key=job_key, reason=why, attempt=0)] if waits else []


def refuse_unreadable(connection: Connection, now: str) -> None:
    """Refuse to read through a connection whose consent is gone, recorded or not."""
    refuse_dead(connection)
    if lapsed(connection, now) is not None:
        raise Refused(Reason.CONSENT_EXPIRED, consent_expires_at=connection.consent_expires_at)


def serves(asked: SyncAsked, command: RequestSync, now: str) -> bool:
    """Say whether a sync that was asked for before is the answer to who asks now."""
    if not asked.over:
        return now < later_by(asked.asked_at, FORGOTTEN_SECONDS)
    recent = now < later_by(asked.asked_at, MANUAL_SYNC_SECONDS)
    return recent and command.by == asked.by == "caller"


def begun(connection: Connection, job_key: str) -> bool:
    """Say whether a sync has begun; one that failed begins again when staff ask for it again."""
    asked = connection.sync
    if asked is None or asked.job_key != job_key or not asked.started:
        return False
    return not (asked.over and isinstance(connection.condition, Failing))


def goes_on(asked: SyncAsked | None, job_key: str) -> bool:
    """Say whether a sync is the one that is under way."""
    return asked is None or asked.job_key != job_key or not asked.over


def completed(command: CompleteSync) -> SyncCompleted:
    """Tell what a sync came to."""
    return SyncCompleted(
        job_key=command.job_key,
        accounts=command.accounts,
        imported=command.imported,
        matched=command.matched,
        duration_ms=command.duration_ms,
    )
