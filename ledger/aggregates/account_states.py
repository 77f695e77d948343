"""What an account can be, and what is promised from it."""

from typing import TypeAlias

import msgspec

from ledger.events.event import Sealed
from ledger.money import decimal_text


class Hold(msgspec.Struct, frozen=True, gc=False):
    """What is still promised: minor units; `counted` against the daily limit of `day`, or not."""

    remaining: int
    purpose: str
    day: str
    counted: bool = False


class Unopened(msgspec.Struct, frozen=True, tag="unopened"):
    """Nothing has happened yet."""


class Open(msgspec.Struct, frozen=True, tag="open", gc=False):
    """What deciding needs. `spent` is what counts against the limit of `day` (UTC)."""

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
