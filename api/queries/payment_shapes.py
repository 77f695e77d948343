"""Shapes that only questions about payments are answered with (ledger.md §6.6)."""

from typing import Literal

from api.shapes import Currency, Id, Job, Money, Payment, Shape


class Total(Shape, frozen=True):
    """What a person has in one currency."""

    currency: Currency
    balance: Money
    available: Money


class FinancialHealth(Shape, frozen=True):
    """A person's accounts in numbers; `total_balance` only when there is exactly one currency."""

    user_id: Id
    totals: list[Total]
    total_balance: Money | None
    total_accounts: int
    active_accounts: int
    inactive_accounts: int
    frozen_accounts: int
    closed_accounts: int
    suspended_accounts: int
    is_healthy: bool
    can_make_payments: bool


class PaymentStats(Shape, frozen=True):
    """How a person stands, and the ten newest payments."""

    financial_health: FinancialHealth
    recent_payments: list[Payment]


class PaymentStanding(Shape, frozen=True):
    """A payment, whether the caller could start it now, and the work done on it."""

    payment: Payment
    can_process: bool
    is_duplicate: bool
    job: Job | None


class Retrieved(Shape, frozen=True):
    """What was done to answer."""

    action: Literal["retrieved", "status_retrieved", "stats_retrieved"]
