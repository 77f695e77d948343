"""Resource shapes as they go over the wire (http.md §3): every field always there, absent is null.

Ids, times and amounts are text; `Money` is a decimal string, `Time` RFC 3339 in UTC.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Id: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Time: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Money: TypeAlias = Annotated[str, Meta(examples=["1500.00"])]
Currency: TypeAlias = Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["USD"])]
Role: TypeAlias = Literal["user", "support", "admin", "auditor"]
UserStatus: TypeAlias = Literal["ACTIVE", "SUSPENDED", "DELETED"]
AccountType: TypeAlias = Literal["CHECKING", "SAVINGS", "CREDIT", "INVESTMENT"]
AccountStatus: TypeAlias = Literal["ACTIVE", "INACTIVE", "FROZEN", "CLOSED"]
Direction: TypeAlias = Literal["CREDIT", "DEBIT"]
PaymentType: TypeAlias = Literal["TRANSFER", "PAYMENT", "DEPOSIT", "WITHDRAWAL"]
PaymentStatus: TypeAlias = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]
MovementType: TypeAlias = Literal[
    "TRANSFER",
    "PAYMENT",
    "DEPOSIT",
    "WITHDRAWAL",
    "OPENING",
    "FEE",
    "FX",
    "IMPORT",
    "ADJUSTMENT",
    "REVERSAL",
]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that is shown."""


class Message(Shape, frozen=True):
    """An answer that has nothing to show but a sentence."""

    message: str


class User(Shape, frozen=True):
    """A person; name and address are null once erased."""

    id: Id
    email: str | None
    full_name: str | None
    status: UserStatus
    role: Role
    active: bool
    verified: bool
    suspended: bool
    deleted: bool
    last_login_at: Time | None
    version: int
    inserted_at: Time
    updated_at: Time


class Session(Shape, frozen=True):
    """One sign-in of a person."""

    id: Id
    current: bool
    started_at: Time
    last_used_at: Time
    expires_at: Time
    ip: str | None
    user_agent: str | None


class Tokens(Shape, frozen=True):
    """A fresh pair of tokens; lives in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_expires_in: int


class SignedIn(Tokens, frozen=True):
    """What a login answers."""

    user: User


class TokenValidity(Shape, frozen=True):
    """Who a token belongs to; an API key does not expire."""

    valid: bool
    user_id: Id
    role: Role | Literal["service"]
    expires_at: Time | None


class Account(Shape, frozen=True):
    """A customer's account with its effective limits."""

    id: Id
    user_id: Id
    currency: Currency
    account_type: AccountType
    account_name: str | None
    status: AccountStatus
    status_reason: str | None
    balance: Money
    held: Money
    available: Money
    credit_limit: Money
    daily_limit: Money
    single_limit: Money
    limits_overridden: bool
    last_four: str
    bank_connection_id: Id | None
    external_account_id: str | None
    last_sync_at: Time | None
    version: int
    inserted_at: Time
    updated_at: Time


class Balance(Shape, frozen=True):
    """What an account holds, and as of when."""

    account_id: Id
    currency: Currency
    balance: Money
    held: Money
    available: Money
    credit_limit: Money
    as_of: Time
    position: int


class AccountHealth(Shape, frozen=True):
    """How much of its limits an account has used today."""

    account_id: Id
    balance: Money
    status: AccountStatus
    daily_limit: Money
    daily_spent: Money
    daily_remaining: Money
    daily_utilization_percent: float
    single_limit: Money
    is_healthy: bool
    can_make_payments: bool


class Transaction(Shape, frozen=True):
    """A customer's view of one entry, or of a pending import."""

    id: Id
    account_id: Id
    user_id: Id
    type: MovementType
    status: Literal["PENDING", "POSTED"]
    amount: Money
    currency: Currency
    direction: Direction
    description: str | None
    reference: str | None
    balance_after: Money | None
    posting_id: Id | None
    payment_id: Id | None
    transfer_id: Id | None
    external_id: str | None
    counterparty_account_id: Id | None
    posted_at: Time | None
    inserted_at: Time
    updated_at: Time


class Payment(Shape, frozen=True):
    """Money on its way into or out of an account."""

    id: Id
    user_id: Id
    user_bank_account_id: Id
    amount: Money
    currency: Currency
    direction: Direction
    payment_type: PaymentType
    description: str | None
    reference: str | None
    status: PaymentStatus
    processing: Literal["manual", "auto"]
    priority: int
    scheduled_at: Time | None
    rail: Literal["book", "sandbox"]
    destination_account_id: Id | None
    hold_id: Id | None
    posting_id: Id | None
    reversal_posting_id: Id | None
    external_transaction_id: str | None
    failure_reason: str | None
    processing_started_at: Time | None
    failed_at: Time | None
    posted_at: Time | None
    version: int
    inserted_at: Time | None
    updated_at: Time | None


class Transfer(Shape, frozen=True):
    """Money moved between two accounts, booked at once."""

    id: Id
    status: Literal["POSTED", "REVERSED"]
    source_account_id: Id
    destination_account_id: Id
    amount: Money
    currency: Currency
    destination_amount: Money
    destination_currency: Currency
    rate: str | None
    fx_quote_id: Id | None
    description: str | None
    reference: str | None
    posting_id: Id
    reversal_posting_id: Id | None
    initiated_by: Id | None
    posted_at: Time
    version: int
    inserted_at: Time
    updated_at: Time


class Hold(Shape, frozen=True):
    """Funds promised, not moved."""

    id: Id
    account_id: Id
    user_id: Id
    purpose: Literal["CLIENT", "PAYMENT"]
    status: Literal["ACTIVE", "CAPTURED", "RELEASED", "EXPIRED"]
    amount: Money
    captured_amount: Money
    remaining_amount: Money
    currency: Currency
    description: str | None
    reference: str | None
    destination_account_id: Id | None
    payment_id: Id | None
    placed_by: Id | None
    expires_at: Time | None
    version: int
    inserted_at: Time
    updated_at: Time


class Job(Shape, frozen=True):
    """A step of background work."""

    id: Id
    queue: str
    actor: str
    state: Literal[
        "available", "scheduled", "executing", "retryable", "completed", "cancelled", "discarded"
    ]
    priority: int
    attempt: int
    max_attempts: int
    subject_type: str
    subject_id: str
    correlation_id: str | None
    inserted_at: Time
    scheduled_at: Time | None
    attempted_at: Time | None
    completed_at: Time | None
    errors: list["JobError"]


class JobError(Shape, frozen=True):
    """Why one attempt of a job failed."""

    attempt: int
    reason: str
    category: str
    at: Time
