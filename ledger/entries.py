"""Entry: one signed line of a posting. A posting's entries sum to zero in every currency."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A signed amount (minor units, from the account's point of view) on one account.

    Exactly one of `account_id` (a customer's account) and `account_code` (a system account,
    e.g. `clearing:LEDGERBANK:USD`) is set.
    """

    entry_id: str
    account_id: str | None = None
    account_code: str | None = None
    amount: int
    currency: str


def balanced(entries: Sequence[Entry]) -> bool:
    """Say whether `entries` may be one posting (ledger.md I-1, I-2)."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.currency] += entry.amount
    accounts = {entry.account_id or entry.account_code for entry in entries}
    return len(accounts) > 1 and not any(sums.values())
