"""What the sandbox bank says and is told, as it is on the wire; met by its adapter only."""

from typing import Any, Literal

import msgspec

from ledger.times import utc_text
from workers.banks.lines import CurrencyCode, Id, Minor, Moment
from workers.banks.port import BankTransaction, PaymentOrder
from workers.rails.rail import Accepted, Answer, Declined, Settled


class ToldAccount(msgspec.Struct, frozen=True):
    id: Id
    name: str
    currency: CurrencyCode
    type: str
    last_four: str | None = None
    closed: bool = False


class ToldAccounts(msgspec.Struct, frozen=True):
    accounts: tuple[ToldAccount, ...]


class ToldBalance(msgspec.Struct, frozen=True):
    balance: Minor
    currency: CurrencyCode
    as_of: Moment


class ToldLine(msgspec.Struct, frozen=True):
    id: Id
    amount: Minor
    currency: CurrencyCode
    description: str
    occurred_at: Moment
    status: Literal["pending", "posted", "declined"]
    payment_id: str | None = None

    def line(self) -> BankTransaction:
        """Return the same in the words of the port."""
        return BankTransaction(
            external_transaction_id=self.id,
            amount=self.amount,
            currency=self.currency,
            description=self.description,
            occurred_at=utc_text(self.occurred_at),
            status=self.status,
            payment_id=self.payment_id,
        )


class ToldChanges(msgspec.Struct, frozen=True):
    transactions: tuple[ToldLine, ...]
    next_cursor: str
    has_more: bool = False
    removed: tuple[Id, ...] = ()


class ToldWindow(msgspec.Struct, frozen=True):
    transactions: tuple[ToldLine, ...]


class ToldPayment(msgspec.Struct, frozen=True):
    id: Id
    status: Literal["settled", "accepted", "declined", "failed", "cancelled"]
    decline_reason: str | None = None
    transaction_id: str | None = None

    def answer(self) -> Answer:
        """Return the same in the words of the port."""
        match self.status:
            case "settled":
                return Settled(self.transaction_id)
            case "accepted":
                return Accepted(self.id)
            case "declined" | "failed" | "cancelled":
                return Declined(self.decline_reason or self.status)


def told_order(order: PaymentOrder) -> dict[str, Any]:
    """Return an order as the bank wants it written."""
    return {
        "payment_id": order.payment_id,
        "account_id": order.external_account_id,
        "amount": order.amount,
        "currency": order.currency,
        "direction": order.direction,
        "description": order.description,
        "reference": order.reference,
    }
