"""What an account can be, and what is promised from it."""

from typing import Literal, TypeAlias

import msgspec

from ledger.events.account import HoldPlaced
from ledger.events.event import Sealed
from ledger.money import decimal_text

HOUSE = "LEDGERBANK"
"""The bank code of accounts that mirror nothing."""
Status: TypeAlias = Literal["ACTIVE", "INACTIVE", "FROZEN", "CLOSED"]


class Hold(msgspec.Struct, frozen=True, gc=False):
    """What is left of a promise, in minor units; `counted` against the limit of its day, or not."""

    placed: HoldPlaced
    placed_at: str
    remaining: int
    counted: bool = False

    def is_over(self, now: str) -> bool:
        """Say whether its time has passed: it counts no more, recorded or not (ledger.md §5.3)."""
        return self.placed.expires_at is not None and self.placed.expires_at <= now


class Active(msgspec.Struct, frozen=True, tag="ACTIVE"):
    """In use."""


class Inactive(msgspec.Struct, frozen=True, tag="INACTIVE"):
    """At rest: what was promised is kept, nothing else is done. `reason`: why, if not asked for."""

    reason: str | None = None


class Frozen(msgspec.Struct, frozen=True, tag="FROZEN"):
    """Stopped for a reason; thawing brings back what it was before."""

    reason: str
    before: Active | Inactive


class Closed(msgspec.Struct, frozen=True, tag="CLOSED"):
    """Over for good, with nothing in it."""


Condition: TypeAlias = Active | Inactive | Frozen | Closed
ACTIVE, INACTIVE, CLOSED = Active(), Inactive(), Closed()


class Unopened(msgspec.Struct, frozen=True, tag="unopened"):
    """Nothing has happened yet."""


class Open(msgspec.Struct, frozen=True, tag="open", gc=False):
    """What deciding needs. `spent` is what counts against the limit of `day` (UTC).

    `daily_limit` and `single_limit` are the account's own, None the defaults.
    `lapses_at` is when the first of the holds that have an end is over. `bank_code` is that of the
    outside bank it mirrors or has mirrored.
    """

    user_id: str
    currency: str
    account_type: str
    account_name: Sealed
    last_four: str
    credit_limit: int
    balance: int = 0
    held: int = 0
    day: str = ""
    spent: int = 0
    holds: dict[str, Hold] = {}
    lapses_at: str | None = None
    bank_connection_id: str | None = None
    external_account_id: str | None = None
    provider: str | None = None
    bank_code: str | None = None
    condition: Condition = ACTIVE
    daily_limit: int | None = None
    single_limit: int | None = None

    @property
    def available(self) -> int:
        """Return what may be spent: balance less holds plus credit limit (ledger.md §3)."""
        return self.balance - self.held + self.credit_limit

    @property
    def status(self) -> Status:
        """Return the name of what it is now."""
        return status_of(self.condition)

    @property
    def status_reason(self) -> str | None:
        """Return why it is what it is, as far as anybody said."""
        return self.condition.reason if isinstance(self.condition, Frozen | Inactive) else None

    @property
    def clearing(self) -> str:
        """Return the account of the house on the other side of what comes from outside."""
        return f"clearing:{self.bank_code or HOUSE}:{self.currency}"

    def shown(self, minor: int) -> str:
        """Print an amount of this account for its owner."""
        return decimal_text(minor, self.currency)

    def spent_on(self, day: str) -> int:
        """Return what counts against the limit of `day`."""
        return self.spent if self.day == day else 0


def status_of(condition: Condition) -> Status:
    """Return the name of a condition."""
    match condition:
        case Active():
            return "ACTIVE"
        case Inactive():
            return "INACTIVE"
        case Frozen():
            return "FROZEN"
        case Closed():
            return "CLOSED"


Account: TypeAlias = Unopened | Open
UNOPENED = Unopened()
