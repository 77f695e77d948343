"""The port of every rail: what can be asked of it, and what it can answer."""

from typing import Protocol, TypeAlias

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as its rail is told; `payment_id` is the idempotency key of everything asked."""

    payment_id: str
    amount: int
    currency: str
    direction: str
    account_id: str


class Settled(msgspec.Struct, frozen=True):
    """The money has moved; `external_transaction_id` is the rail's own name for that."""

    external_transaction_id: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The rail has the order and will settle later."""

    rail_reference: str


class Declined(msgspec.Struct, frozen=True):
    """The counterparty refused; nothing has moved and nothing will. `why` is its own word."""

    why: str | None = None


class Unknown(msgspec.Struct, frozen=True):
    """The rail never heard of the payment."""


class Withdrawn(msgspec.Struct, frozen=True):
    """The rail will never execute this payment id, whatever still arrives under it."""


Answer: TypeAlias = Settled | Accepted | Declined
Standing: TypeAlias = Answer | Unknown
Withdrawal: TypeAlias = Answer | Withdrawn


class Rail(Protocol):
    """One way for money to leave. Raises `Failed` for what may pass: the next try asks again.

    Every question is safe to repeat: the rail executes a payment id at most once.
    """

    def submit(self, order: Order) -> Answer:
        """Ask for the money to be moved."""

    def state_of(self, payment_id: str) -> Standing:
        """Ask what became of a payment."""

    def withdraw(self, payment_id: str) -> Withdrawal:
        """Ask for a payment never to be executed; answers its state when it is too late."""
