"""Shapes that only questions about the history of an account are answered with."""

from typing import Any, Literal

from api.lists import ListMetadata
from api.shapes import Currency, Id, Money, MovementType, Role, Shape, Time
from api.time_travel import AsOf


class AccountEvent(Shape, frozen=True):
    """Something that happened to an account; `data` as recorded, personal text in clear."""

    position: int
    type: str
    version: int
    data: dict[str, Any]
    actor_role: Role | Literal["service"] | None
    recorded_at: Time


class Doer(Shape, frozen=True):
    """Who asked for something; `id` is null for those who may not know it."""

    type: Literal["user", "service", "system", "provider", "anonymous"]
    id: str | None
    role: str | None


class BalanceLine(Shape, frozen=True):
    """One entry of what made up a balance: its change, the balance after it, who and why."""

    position: int
    version: int
    type: Literal["AccountCredited", "AccountDebited"]
    delta: Money
    balance_after: Money
    actor: Doer
    command_id: Id
    correlation_id: str
    causation_id: Id | None
    entry_id: Id
    posting_id: Id
    kind: MovementType
    payment_id: Id | None
    transfer_id: Id | None
    hold_id: Id | None
    reverses_posting_id: Id | None
    recorded_at: Time
    effective_at: Time


class Explained(ListMetadata, frozen=True, kw_only=True):
    """The balance that is explained, and when it was."""

    balance: Money
    currency: Currency
    as_of: AsOf
