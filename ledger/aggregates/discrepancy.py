"""Discrepancy: two sides that do not agree, until somebody or the next sync says they do."""

from typing import Any, Literal, TypeAlias

import msgspec

from ledger.events.reconciliation import (
    AmountMismatchFound,
    BalanceDiscrepancyFound,
    DiscrepancyResolved,
    FoundEvent,
    LateSettlementFound,
    PaymentMissingAtBank,
    ReconciliationEvent,
)

Kind: TypeAlias = Literal["BALANCE", "LATE_SETTLEMENT", "AMOUNT_MISMATCH", "MISSING_AT_BANK"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: the figures of both sides in minor units, as far as there are any."""

    kind: Kind
    account_id: str
    currency: str
    payment_id: str | None = None
    connection_id: str | None = None
    ledger: int | None = None
    reported: int | None = None

    @property
    def key(self) -> str:
        """Return what can be open only once: its kind for its payment, or for its account."""
        return f"{self.kind}/{self.payment_id or self.account_id}"

    @property
    def difference(self) -> int | None:
        """Return reported less ledger where there are two figures."""
        if self.ledger is None or self.reported is None:
            return None
        return self.reported - self.ledger


class Unfound(msgspec.Struct, frozen=True, tag="unfound"):
    """Nothing of the kind is known."""


class Open(msgspec.Struct, frozen=True, tag="OPEN"):
    """Found, and to be looked into."""

    finding: Finding
    found_at: str


class Resolved(msgspec.Struct, frozen=True, tag="RESOLVED"):
    """Over: by a person, or because both sides agree again."""

    finding: Finding
    found_at: str
    resolved_at: str
    note: str | None
    by: str | None


Discrepancy: TypeAlias = Unfound | Open | Resolved
UNFOUND = Unfound()


def finding_of(found: FoundEvent) -> Finding:
    """Return what an event has found."""
    where: dict[str, Any] = {"account_id": found.account_id, "currency": found.currency}
    match found:
        case BalanceDiscrepancyFound(connection_id=connection_id, ledger=ledger, reported=reported):
            return Finding(
                kind="BALANCE",
                connection_id=connection_id,
                ledger=ledger,
                reported=reported,
                **where,
            )
        case AmountMismatchFound(payment_id=payment_id, ledger=ledger, reported=reported):
            return Finding(
                kind="AMOUNT_MISMATCH",
                payment_id=payment_id,
                ledger=ledger,
                reported=reported,
                **where,
            )
        case LateSettlementFound(payment_id=payment_id, amount=amount):
            return Finding(kind="LATE_SETTLEMENT", payment_id=payment_id, reported=amount, **where)
        case PaymentMissingAtBank(payment_id=payment_id, amount=amount):
            return Finding(kind="MISSING_AT_BANK", payment_id=payment_id, ledger=amount, **where)


def evolve(discrepancy: Discrepancy, event: ReconciliationEvent, at: str) -> Discrepancy:
    """Apply a fact. Never refuses: what is recorded has happened."""
    match discrepancy, event:
        case Open(finding=finding, found_at=found_at), DiscrepancyResolved(note=note, by=by):
            return Resolved(finding, found_at, at, note, by)
        case _, DiscrepancyResolved():
            raise AssertionError("a discrepancy is resolved once, after it was found")
        case Unfound(), _:
            return Open(finding_of(event), at)
        case _:
            raise AssertionError("a discrepancy is found once")
