"""What has happened to a connection, folded into what it is."""

from msgspec.structs import replace

from ledger.aggregates.connection_states import (
    ACTIVE,
    Connection,
    Expired,
    Failing,
    Revoked,
    State,
    SyncAsked,
    Unrequested,
    Waiting,
)
from ledger.events.connection import (
    BankAccountFound,
    BankBalanceReported,
    BankHistoryRead,
    BankTransactionAmended,
    BankTransactionDropped,
    BankTransactionImported,
    BankTransactionMatched,
    BankTransactionPosted,
    ConnectionAuthorised,
    ConnectionEvent,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRequested,
    ConnectionRevoked,
    ConnectionTokensRefreshed,
    HistoryEvent,
    SyncCompleted,
    SyncEvent,
    SyncFailed,
    SyncFrequencyChanged,
    SyncRequested,
    SyncStarted,
)


def evolve(connection: State, event: ConnectionEvent, at: str) -> State:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match connection, event:
        case Unrequested(), ConnectionRequested():
            return Connection(event, at, sync_frequency=event.sync_frequency)
        case Unrequested(), _:
            raise AssertionError("a connection is requested before anything else")
        case Connection(), ConnectionRequested():
            raise AssertionError("a connection is requested once")
        case Connection(), ConnectionAuthorised():
            return with_tokens(replace(connection, condition=ACTIVE, consent=event), event)
        case Connection(), ConnectionTokensRefreshed():
            return with_tokens(connection, event)
        case Connection(), ConnectionFailed(reason=reason):
            return replace(connection, condition=Failing(reason))
        case Connection(), ConnectionExpired(reason=reason):
            return replace(connection, condition=Expired(reason))
        case Connection(), ConnectionRevoked(cause=cause):
            return replace(connection, condition=Revoked(cause), accounts={}, waiting={})
        case Connection(), SyncFrequencyChanged(seconds=seconds):
            return replace(connection, sync_frequency=seconds)
        case Connection(), SyncRequested() | SyncStarted() | SyncCompleted() | SyncFailed():
            return synced(connection, event, at)
        case Connection(), _:
            return read(connection, event, at)


def with_tokens(
    connection: Connection, event: ConnectionAuthorised | ConnectionTokensRefreshed
) -> Connection:
    """Return a connection that is read with other tokens from now on."""
    ref, until = event.token_ref, event.token_expires_at
    return replace(connection, token_ref=ref, token_expires_at=until)


def synced(connection: Connection, event: SyncEvent, at: str) -> Connection:
    """Apply where a sync has come to."""
    match event:
        case SyncRequested(job_key=job_key, by=by):
            return replace(connection, sync=SyncAsked(job_key, by, at))
        case SyncStarted():
            sync = connection.sync
            begun = None if sync is None else replace(sync, started=True, over=False)
            return replace(connection, sync=begun)
        case SyncCompleted():
            well = ACTIVE if isinstance(connection.condition, Failing) else connection.condition
            over = ended(connection.sync)
            return replace(connection, condition=well, sync=over, last_sync_at=at)
        case SyncFailed():
            return replace(connection, sync=ended(connection.sync))


def ended(sync: SyncAsked | None) -> SyncAsked | None:
    """Return a sync that is over."""
    return None if sync is None else replace(sync, over=True)


def read(connection: Connection, event: HistoryEvent, at: str) -> Connection:
    """Apply what was read of a bank."""
    match event:
        case BankAccountFound(external_account_id=external, account_id=account_id):
            return replace(connection, accounts={**connection.accounts, external: account_id})
        case BankTransactionImported(provider_status="pending"):
            waiting = Waiting(
                event.transaction_id,
                event.account_id,
                event.external_id,
                event.amount,
                event.occurred_at,
                at,
            )
            return with_waiting(connection, event.account_id, event.external_id, waiting)
        case BankTransactionPosted() | BankTransactionDropped() | BankTransactionMatched():
            return with_waiting(connection, event.account_id, event.external_id, None)
        case BankHistoryRead(account_id=account_id, cursor=cursor):
            return replace(connection, cursors={**connection.cursors, account_id: cursor})
        case BankBalanceReported(account_id=account_id):
            told = {**connection.reported, account_id: (event.balance, event.as_of)}
            return replace(connection, reported=told)
        case BankTransactionImported() | BankTransactionAmended():
            return connection


def with_waiting(
    connection: Connection, account_id: str, external_id: str, line: Waiting | None
) -> Connection:
    """Return a connection with one line that is not booked yet changed, or gone."""
    waiting = dict(connection.waiting)
    waiting.pop(f"{account_id}/{external_id}", None)
    if line is not None:
        waiting[f"{account_id}/{external_id}"] = line
    return replace(connection, waiting=waiting)
