"""Accounts in a what-if: what each was worth in truth, and what it would be worth now."""

from typing import Any

import msgspec

from ledger.errors import Reason
from ledger.events.account import AccountCreditLimitChanged, AccountLimitsChanged, AccountOpened
from ledger.times import utc_day
from ops.audits.holds import Promises, held
from ops.what_if.rules import Rules


class Standing(msgspec.Struct):
    """One account. `balance` is what it would have, `was` what it has; minor units.

    `spent` counts against the limit of `day`; `fee_promises` go with holds of the same id.
    """

    currency: str
    account_type: str
    credit_limit: int
    balance: int = 0
    was: int = 0
    own_daily: int | None = None
    own_single: int | None = None
    day: str = ""
    spent: int = 0
    promises: Promises = {}
    fee_promises: Promises = {}

    def available(self, at: str) -> int:
        """Return what could be spent at a moment."""
        promised = held(self.promises, at) + held(self.fee_promises, at)
        return self.balance + self.credit_limit - promised

    def spent_on(self, day: str) -> int:
        """Return what counts against the limit of a day."""
        return self.spent if self.day == day else 0

    def count(self, day: str, delta: int) -> None:
        """Move the counter of a day; a past day no longer matters."""
        if day >= self.day:
            self.spent = self.spent_on(day) + delta
            self.day = day

    def forget(self, hold_id: str) -> None:
        """Promise the fee of a hold no longer."""
        self.fee_promises.pop(hold_id, None)

    @property
    def empty(self) -> bool:
        """Say whether it could be closed."""
        return not (self.balance or self.promises or self.fee_promises)


class Movement(msgspec.Struct, frozen=True):
    """What somebody wanted of an account: an amount, with its fee, at a moment.

    `exempt` is free of limits; only what is `counted` is judged by the limit of the day.
    """

    amount: int
    fee: int
    at: str
    exempt: bool
    counted: bool


def opened(event: AccountOpened) -> Standing:
    """Begin an account with nothing."""
    return Standing(event.currency, event.account_type, event.credit_limit)


def change_terms(account: Standing, event: Any) -> None:
    """Take on new terms."""
    match event:
        case AccountLimitsChanged(daily_limit=daily, single_limit=single):
            account.own_daily, account.own_single = daily, single
        case AccountCreditLimitChanged(to=limit):
            account.credit_limit = limit
        case _:
            pass


def objection(rules: Rules, account: Standing, asked: Movement) -> Reason | None:
    """Say why an account would not give, in the order of ledger.md §6.3; None when it would."""
    limits, currency = rules.limits, account.currency
    single = limits.single_limit(currency, account.own_single)
    if single is not None and not asked.exempt and asked.amount > single:
        return Reason.AMOUNT_EXCEEDS_LIMIT
    if asked.amount + asked.fee > account.available(asked.at):
        return Reason.INSUFFICIENT_FUNDS
    daily = limits.daily_limit(account.account_type, currency, account.own_daily)
    if daily is None or not asked.counted:
        return None
    over = account.spent_on(utc_day(asked.at)) + asked.amount > daily
    return Reason.DAILY_LIMIT_EXCEEDED if over else None


def speaks(rules: Rules, account: Standing, reason: str) -> bool:
    """Say whether rules have a say in what an account was refused for; funds follow from all."""
    limits, currency = rules.limits, account.currency
    match reason:
        case Reason.AMOUNT_EXCEEDS_LIMIT:
            return limits.single_limit(currency, account.own_single) is not None
        case Reason.DAILY_LIMIT_EXCEEDED:
            kind = account.account_type
            return limits.daily_limit(kind, currency, account.own_daily) is not None
        case Reason.DUPLICATE_TRANSACTION:
            return rules.duplicates is not None
        case _:
            return reason == Reason.INSUFFICIENT_FUNDS
