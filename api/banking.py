"""Shapes and parts of what has to do with outside banks: connections, syncs, discrepancies."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from typing_extensions import override

from api.shapes import Currency, Id, Job, Money, Shape, Time
from ledger.errors import Reason, Refused
from schema.postgres import Pool
from schema.token_ring import TokenRing


class Connection(Shape, frozen=True):
    """A customer's consent at an outside bank; seconds between two syncs. Never a token."""

    id: Id
    user_id: Id
    bank_branch_id: Id
    provider: Literal["sandbox", "monzo"]
    username: str | None
    status: Literal["PENDING", "ACTIVE", "ERROR", "EXPIRED", "REVOKED"]
    status_reason: str | None
    scope: str | None
    provider_user_id: str | None
    sync_frequency: int
    last_sync_at: Time | None
    next_sync_at: Time | None
    consent_expires_at: Time | None
    version: int
    inserted_at: Time
    updated_at: Time


class Connecting(Shape, frozen=True):
    """A connection, and where its customer has to consent."""

    connection: Connection
    authorization_url: str


class Connected(Shape, frozen=True):
    """A connection whose customer came back."""

    connection: Connection


class SyncAsked(Shape, frozen=True):
    """The job of a sync; `deduplicated` when it had been asked for before."""

    job: Job
    deduplicated: bool


class Discrepancy(Shape, frozen=True):
    """Where our books and an outside bank differ: `difference` is reported less ledger."""

    id: Id
    kind: Literal["BALANCE", "LATE_SETTLEMENT", "AMOUNT_MISMATCH", "MISSING_AT_BANK"]
    account_id: Id | None
    connection_id: Id | None
    payment_id: Id | None
    currency: Currency
    ledger_amount: Money | None
    reported_amount: Money | None
    difference: Money | None
    status: Literal["OPEN", "RESOLVED"]
    note: str | None
    found_at: Time
    resolved_at: Time | None
    resolved_by: str | None
    version: int
    inserted_at: Time
    updated_at: Time


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank handed out for a code; lives in seconds from now."""

    access_token: str
    refresh_token: str | None
    expires_in_seconds: int
    scope: str
    provider_user_id: str | None
    consent_expires_in_seconds: int | None

    @override
    def __repr__(self) -> str:
        return "Granted(***)"


class Doorway(msgspec.Struct, frozen=True, kw_only=True):
    """How customers get to one kind of outside bank and back.

    `url_of` takes a state, a PKCE challenge and the customer's user name at the bank; `exchange` a
    code and the verifier, and refuses with why it failed.
    """

    url_of: Callable[[str, str, str | None], str]
    exchange: Callable[[str, str], Awaitable[Granted]]


class Banking(msgspec.Struct, frozen=True, kw_only=True):
    """Made once per application. `secret` makes the cookies of customers on their way."""

    doors: Mapping[str, Doorway]
    pool: Pool
    ring: TokenRing
    secret: bytes
    secure: bool
    return_url: str | None

    def door(self, provider: str) -> Doorway:
        """Return the way to a bank, or refuse when this deployment has none."""
        found = self.doors.get(provider)
        if found is None:
            raise Refused(Reason.CONNECTION_INACTIVE, provider=provider)
        return found
