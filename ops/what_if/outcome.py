"""Outcome: which acceptances and balances would be others."""

from collections import Counter
from typing import Any

import msgspec

from ledger.errors import Reason
from ledger.money import decimal_text

FOLLOWING = frozenset({Reason.INSUFFICIENT_FUNDS, Reason.ACCOUNT_NOT_EMPTY})


class Changed(msgspec.Struct, frozen=True):
    """An acceptance of the log that would be a refusal, or the other way round; minor units."""

    position: int
    at: str
    stream: str
    account_id: str
    amount: int
    currency: str
    reason: Reason

    def shown(self) -> dict[str, Any]:
        """Return what is told of it; `knock_on` follows from other changes, or from fees."""
        amount = decimal_text(self.amount, self.currency)
        known = msgspec.structs.asdict(self) | {"amount": amount, "reason": str(self.reason)}
        return known | {"knock_on": self.reason in FOLLOWING}


class Outcome(msgspec.Struct):
    """What was looked at, and what would not be as it is. `fees` are by kind and currency."""

    position: int = 0
    judged: int = 0
    unread: int = 0
    refused: list[Changed] = []
    accepted: list[Changed] = []
    fees: dict[tuple[str, str], int] = {}
    charged: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    balances: dict[str, tuple[str, int, int]] = {}

    def shown(self, *, whole: bool) -> dict[str, Any]:
        """Return what is told as JSON; a `whole` one names every change."""
        reasons = Counter(str(each.reason) for each in self.refused)
        told: dict[str, Any] = {
            "position": self.position,
            "judged": self.judged,
            "unread_texts": self.unread,
            "refused": len(self.refused),
            "refused_by_reason": dict(sorted(reasons.items())),
            "accepted": len(self.accepted),
            "accounts": len(self.balances),
            "fees": [
                {"kind": kind, "currency": currency, "postings": self.charged[kind, currency],
                 "amount": decimal_text(minor, currency)}
                for (kind, currency), minor in sorted(self.fees.items())
            ],
        }  # fmt: skip
        if not whole:
            return told
        return told | {
            "refusals": [each.shown() for each in self.refused],
            "acceptances": [each.shown() for each in self.accepted],
            "balances": [
                {"account_id": account_id, "currency": currency,
                 "balance": decimal_text(was, currency),
                 "what_if": decimal_text(would, currency),
                 "difference": decimal_text(would - was, currency)}
                for account_id, (currency, was, would) in sorted(self.balances.items())
            ],
        }  # fmt: skip
