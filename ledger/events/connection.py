"""What can have happened to a connection with an outside bank. No event ever has a token in it."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event, Sealed


class ConnectionRequested(Event, frozen=True, kw_only=True):
    """`sync_frequency` in seconds."""

    stored_as: ClassVar[str] = "ConnectionRequested"
    user_id: str
    bank_id: str
    bank_branch_id: str
    bank_code: str
    provider: str
    username: Sealed
    sync_frequency: int


class ConnectionAuthorised(Event, frozen=True, kw_only=True):
    """The customer has consented; `token_ref` names what the vault holds from now on."""

    stored_as: ClassVar[str] = "ConnectionAuthorised"
    scope: str
    provider_user_id: Sealed | None
    token_ref: str
    token_expires_at: str
    consent_expires_at: str | None


class ConnectionTokensRefreshed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ConnectionTokensRefreshed"
    token_ref: str
    token_expires_at: str


class ConnectionFailed(Event, frozen=True, kw_only=True):
    """Its syncs have come to nothing, for a catalogued reason."""

    stored_as: ClassVar[str] = "ConnectionFailed"
    reason: str


class ConnectionExpired(Event, frozen=True, kw_only=True):
    """`reason`: consent_expired, or not_authorised for one that nobody consented to in time."""

    stored_as: ClassVar[str] = "ConnectionExpired"
    reason: str


class ConnectionRevoked(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "ConnectionRevoked"
    cause: str
    by: str | None


class SyncFrequencyChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SyncFrequencyChanged"
    seconds: int


class SyncRequested(Event, frozen=True, kw_only=True):
    """`by`: caller, authorisation, webhook or schedule; `job_key` is the cause of its one job."""

    stored_as: ClassVar[str] = "SyncRequested"
    job_key: str
    by: str


class SyncStarted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SyncStarted"
    job_key: str


class BankAccountFound(Event, frozen=True, kw_only=True):
    """An account at the bank, and the one that mirrors it here."""

    stored_as: ClassVar[str] = "BankAccountFound"
    external_account_id: str
    account_id: str


class BankTransactionImported(Event, frozen=True, kw_only=True):
    """A line of the bank's history; `amount` signed minor units. A pending one has no posting."""

    stored_as: ClassVar[str] = "BankTransactionImported"
    account_id: str
    external_id: str
    transaction_id: str
    amount: int
    currency: str
    description: Sealed
    provider_status: str
    occurred_at: str
    posting_id: str | None


class BankTransactionPosted(Event, frozen=True, kw_only=True):
    """A pending line is booked now; `amount` (signed, minor units) may have changed."""

    stored_as: ClassVar[str] = "BankTransactionPosted"
    account_id: str
    external_id: str
    transaction_id: str
    amount: int
    posting_id: str | None


class BankTransactionAmended(Event, frozen=True, kw_only=True):
    """The bank changed a booked line: it comes to `amount` now, which `posting_id` made so."""

    stored_as: ClassVar[str] = "BankTransactionAmended"
    account_id: str
    external_id: str
    transaction_id: str
    amount: int
    posting_id: str


class BankTransactionMatched(Event, frozen=True, kw_only=True):
    """A line is one of our own payments, and is not imported."""

    stored_as: ClassVar[str] = "BankTransactionMatched"
    account_id: str
    external_id: str
    payment_id: str


class BankTransactionDropped(Event, frozen=True, kw_only=True):
    """A pending line came to nothing."""

    stored_as: ClassVar[str] = "BankTransactionDropped"
    account_id: str
    external_id: str
    transaction_id: str


class BankHistoryRead(Event, frozen=True, kw_only=True):
    """How far the history of an account has been read; the bank's own words for the place."""

    stored_as: ClassVar[str] = "BankHistoryRead"
    account_id: str
    cursor: str


class BankBalanceReported(Event, frozen=True, kw_only=True):
    """`balance` in minor units, as the bank has it booked at `as_of`."""

    stored_as: ClassVar[str] = "BankBalanceReported"
    account_id: str
    balance: int
    currency: str
    as_of: str


class SyncCompleted(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SyncCompleted"
    job_key: str
    accounts: int
    imported: int
    matched: int
    duration_ms: int


class SyncFailed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "SyncFailed"
    job_key: str
    reason: str
    attempt: int


HistoryEvent: TypeAlias = (
    BankAccountFound
    | BankTransactionImported
    | BankTransactionPosted
    | BankTransactionAmended
    | BankTransactionMatched
    | BankTransactionDropped
    | BankHistoryRead
    | BankBalanceReported
)
SyncEvent: TypeAlias = SyncRequested | SyncStarted | SyncCompleted | SyncFailed
ConnectionEvent: TypeAlias = (
    ConnectionRequested
    | ConnectionAuthorised
    | ConnectionTokensRefreshed
    | ConnectionFailed
    | ConnectionExpired
    | ConnectionRevoked
    | SyncFrequencyChanged
    | SyncEvent
    | HistoryEvent
)
