"""What an account can be, and what is promised from it."""

from typing import TypeAlias

import msgspec

from ledger.events.account import HoldPlaced
from ledger.events.event import Sealed
from ledger.money import decimal_text


class Hold(msgspec.Struct, frozen=True):
    """What is left of a promise, in minor units; `counted` against the limit of its day, or not."""

    placed: HoldPlaced
    placed_at: str
    remaining: int
    counted: bool = False

    def is_over(self, now: str) -> bool:
        """Say whether its time has passed: it counts no more, recorded or not (ledger.md §5.3)."""
        return self.placed.expires_at is not None and self.placed.expires_at <= now


class Unopened(msgspec.Struct, frozen=True, tag="unopened"):
    """Nothing has happened yet."""


class Open(msgspec.Struct, frozen=True, tag="open"):
    """What deciding needs. `spent` is what counts against the limit of `day` (UTC).

    `lapses_at` is when the first of the holds that have an end is over.
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

    @property
    def available(self) -> int:
        """Return what may be spent: balance less holds plus credit limit (ledger.md §3)."""
        return self.balance - self.held + self.credit_limit

    def shown(self, minor: int) -> str:
        """Print an amount of this account for its owner."""
        return decimal_text(minor, self.currency)

    def spent_on(self, day: str) -> int:
        """Return what counts against the limit of `day`."""
        return self.spent if self.day == day else 0


Account: TypeAlias = Unopened | Open
UNOPENED = Unopened()
