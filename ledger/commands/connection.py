"""Commands about connections with outside banks, and about what is read through them."""

from typing import TypeAlias

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class RequestConnection(Command, frozen=True, kw_only=True):
    """Ask for a connection of `user_id` through a branch; `sync_frequency` in seconds."""

    connection_id: str
    user_id: str
    bank_id: str
    bank_branch_id: str
    username: PersonalText
    sync_frequency: int


class ReopenConnection(Command, frozen=True, kw_only=True):
    """Ask the customer once more; nothing is recorded until they have consented."""

    connection_id: str


class SealedTokens(Command, frozen=True, kw_only=True):
    """What a provider handed out, sealed under key `key_id`; `expires_at` is the access token's."""

    token_ref: str
    key_id: str
    access: bytes
    refresh: bytes | None
    expires_at: str


class AuthoriseConnection(Command, frozen=True, kw_only=True):
    """Take the customer's consent, and ask for the first sync under `job_key`."""

    connection_id: str
    tokens: SealedTokens
    scope: str
    provider_user_id: PersonalText | None
    consent_expires_at: str | None
    job_key: str


class RefreshTokens(Command, frozen=True, kw_only=True):
    """Keep new tokens in the place of the old ones."""

    connection_id: str
    tokens: SealedTokens


class DenyConnection(Command, frozen=True, kw_only=True):
    """The customer, or the bank, has said no."""

    connection_id: str


class ExpireConnection(Command, frozen=True, kw_only=True):
    """The consent is gone: by its own time, or because the provider says so (`refused`)."""

    connection_id: str
    refused: bool = False


class ChangeSyncFrequency(Command, frozen=True, kw_only=True):
    """Sync every so many seconds."""

    connection_id: str
    seconds: int


class RevokeConnection(Command, frozen=True, kw_only=True):
    """End a connection for good; its accounts stay."""

    connection_id: str
    cause: str = "caller"


class RequestSync(Command, frozen=True, kw_only=True):
    """Ask for a sync; `by` is caller, webhook or schedule. One that is under way will do."""

    connection_id: str
    job_key: str
    by: str = "caller"


class StartSync(Command, frozen=True, kw_only=True):
    """Say that a sync begins."""

    connection_id: str
    job_key: str


class CompleteSync(Command, frozen=True, kw_only=True):
    """Say that a sync has come to its end."""

    connection_id: str
    job_key: str
    accounts: int
    imported: int
    matched: int
    duration_ms: int


class FailSync(Command, frozen=True, kw_only=True):
    """Say that a sync has come to nothing, and nobody tries again."""

    connection_id: str
    job_key: str
    reason: str
    attempt: int


class CancelSync(Command, frozen=True, kw_only=True):
    """Say that nobody is to begin a sync that was asked for."""

    connection_id: str
    job_key: str


class TakeBankAccount(Command, frozen=True, kw_only=True):
    """Mirror an account that the bank tells of; `account_id` is what it is to be called here."""

    connection_id: str
    account_id: str
    external_account_id: str
    name: PersonalText
    currency: str
    account_type: str
    last_four: str
    closed: bool = False


class BankLine(Command, frozen=True, kw_only=True):
    """One line of a bank's history: `amount` signed minor units; status pending|posted|declined."""

    external_id: str
    amount: int
    currency: str
    description: PersonalText
    occurred_at: str
    status: str
    payment_id: str | None = None


class TakeBankPage(Command, frozen=True, kw_only=True):
    """Mirror a page of a bank's history, and remember the place behind it."""

    connection_id: str
    account_id: str
    lines: tuple[BankLine, ...]
    removed: tuple[str, ...] = ()
    cursor: str | None = None


class ReportBalance(Command, frozen=True, kw_only=True):
    """Compare what the bank says it holds with what we have booked; minor units."""

    connection_id: str
    account_id: str
    amount: int
    currency: str
    as_of: str
    discrepancy_id: str


ConnectionCommand: TypeAlias = (
    RequestConnection
    | AuthoriseConnection
    | RefreshTokens
    | DenyConnection
    | ExpireConnection
    | ChangeSyncFrequency
    | RevokeConnection
    | RequestSync
    | StartSync
    | CompleteSync
    | FailSync
    | CancelSync
)
