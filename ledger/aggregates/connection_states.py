"""What a connection with an outside bank can be, and what is known of what is read through it."""

from typing import Literal, TypeAlias

import msgspec

from ledger.events.connection import ConnectionAuthorised, ConnectionRequested
from ledger.times import later_by

AUTHORISATION_SECONDS = 10 * 60
"""How long a customer has to consent."""
Status: TypeAlias = Literal["PENDING", "ACTIVE", "ERROR", "EXPIRED", "REVOKED"]


class Unrequested(msgspec.Struct, frozen=True, tag="unrequested"):
    """Nobody has asked for it."""


class Pending(msgspec.Struct, frozen=True, tag="PENDING"):
    """The customer has yet to consent."""


class Active(msgspec.Struct, frozen=True, tag="ACTIVE"):
    """Consented to, and read from time to time."""


class Failing(msgspec.Struct, frozen=True, tag="ERROR"):
    """Consented to, but the last sync came to nothing."""

    reason: str


class Expired(msgspec.Struct, frozen=True, tag="EXPIRED"):
    """The consent is gone, or never came; the customer may give it again."""

    reason: str


class Revoked(msgspec.Struct, frozen=True, tag="REVOKED"):
    """Over for good."""

    reason: str


Condition: TypeAlias = Pending | Active | Failing | Expired | Revoked
PENDING, ACTIVE = Pending(), Active()


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A line that its bank has not booked yet; `amount` in signed minor units."""

    transaction_id: str
    account_id: str
    external_id: str
    amount: int
    occurred_at: str
    told_at: str


class SyncAsked(msgspec.Struct, frozen=True, gc=False):
    """The newest sync that was asked for."""

    job_key: str
    by: str
    asked_at: str
    started: bool = False
    over: bool = False


class Connection(msgspec.Struct, frozen=True, tag="connection", gc=False):
    """What deciding needs. `accounts` are ours by their external ids, `cursors` by ours.

    `waiting` lines are found by account and external id; `reported` are the balances last told,
    with their times, by account.
    """

    terms: ConnectionRequested
    requested_at: str
    condition: Condition = PENDING
    sync_frequency: int = 0
    consent: ConnectionAuthorised | None = None
    token_ref: str | None = None
    token_expires_at: str | None = None
    accounts: dict[str, str] = {}
    cursors: dict[str, str] = {}
    waiting: dict[str, Waiting] = {}
    reported: dict[str, tuple[int, str]] = {}
    sync: SyncAsked | None = None
    last_sync_at: str | None = None

    @property
    def status(self) -> Status:
        """Return the name of what it is now."""
        match self.condition:
            case Pending():
                return "PENDING"
            case Active():
                return "ACTIVE"
            case Failing():
                return "ERROR"
            case Expired():
                return "EXPIRED"
            case Revoked():
                return "REVOKED"

    @property
    def status_reason(self) -> str | None:
        """Return why it is what it is, as far as there is a reason."""
        condition = self.condition
        return None if isinstance(condition, Pending | Active) else condition.reason

    @property
    def next_sync_at(self) -> str | None:
        """Return when it is read again by itself."""
        if self.last_sync_at is None or not isinstance(self.condition, Active | Failing):
            return None
        return later_by(self.last_sync_at, self.sync_frequency)

    @property
    def consent_expires_at(self) -> str | None:
        """Return until when the customer has consented, as far as the bank says."""
        return None if self.consent is None else self.consent.consent_expires_at


def lapsed(connection: Connection, now: str) -> str | None:
    """Return why a connection is over at `now` although nobody has said so yet."""
    match connection.condition:
        case Pending() if later_by(connection.requested_at, AUTHORISATION_SECONDS) <= now:
            return "not_authorised"
        case Active() | Failing():
            until = connection.consent_expires_at
            return "consent_expired" if until is not None and until <= now else None
        case _:
            return None


State: TypeAlias = Unrequested | Connection
UNREQUESTED = Unrequested()
