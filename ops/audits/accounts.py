"""Audit of customers' accounts: balances, funds, limits and their end (I-3 to I-6, I-9, I-12)."""

from typing import Any

import msgspec

from ledger.policies.limits import Rules
from ledger.times import utc_day
from ops.audits import holds
from ops.audits.findings import Findings
from ops.audits.shapes import (
    Booked,
    Closed,
    Credited,
    CreditLimitChanged,
    Debited,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    LimitsChanged,
    Line,
    Linked,
    Opened,
    UsageChanged,
)

OF_ACCOUNTS = (
    Debited,
    Credited,
    UsageChanged,
    HoldPlaced,
    HoldCaptured,
    HoldReleased,
    HoldExpired,
    Closed,
    LimitsChanged,
    CreditLimitChanged,
    Linked,
)


class Standing(msgspec.Struct):
    """What one account is worth by its events. `daily_limit` is its own one, if it has any.

    A `linked` one mirrors, or once did, an account of an outside bank.
    """

    currency: str
    account_type: str
    credit_limit: int
    balance: int = 0
    daily_limit: int | None = None
    day: str = ""
    spent: int = 0
    closed: bool = False
    linked: bool = False
    promises: holds.Promises = {}

    def available(self, at: str) -> int:
        """Return what may be spent at a moment."""
        return self.balance + self.credit_limit - holds.held(self.promises, at)


class Accounts:
    """All accounts, and what the current command has done to them.

    `expected` are entries that have to reach their accounts; `before` is what was available;
    `moved` are the amounts that a daily limit may count, by cause. Without `rules` only limits
    that the log itself tells are judged.
    """

    def __init__(self, findings: Findings, rules: Rules | None) -> None:
        self.findings, self.rules = findings, rules
        self.standings: dict[str, Standing] = {}
        self.worth: dict[str, int] = {}
        self.expected: dict[str, Line] = {}
        self.before: dict[str, int] = {}
        self.moved: dict[tuple[str, str], int] = {}
        self.imported: set[str] = set()

    def take_over(self, posting: Booked) -> None:
        """Let an outside bank overdraw what mirrors it: with an import, or its first balance."""
        for entry in posting.entries:
            account = self.standings.get(entry.account)
            first = posting.kind == "OPENING" and account is not None and account.linked
            if posting.kind == "IMPORT" or first:
                self.imported.add(entry.account)

    def open(self, account_id: str, event: Opened) -> None:
        """Begin an account with nothing."""
        self.standings[account_id] = Standing(
            event.currency, event.account_type, event.credit_limit
        )

    def take(self, account_id: str, event: Any) -> None:
        """Fold what happens to an account that was opened."""
        account = self.standings.get(account_id)
        if account is None:
            self.findings.find("I-2", f"account {account_id} was never opened")
            return
        if account_id not in self.before:
            self.before[account_id] = account.available(self.findings.at)
        match event:
            case Debited(amount=amount):
                self.enter(account_id, account, event, -amount)
                self.moved[account_id, event.posting_id] = amount
            case Credited(amount=amount):
                self.enter(account_id, account, event, amount)
            case UsageChanged():
                self.use(account_id, account, event)
            case HoldPlaced() | HoldCaptured() | HoldReleased() | HoldExpired():
                self.hold(account_id, account, event)
            case Closed() | Linked() | LimitsChanged() | CreditLimitChanged():
                self.change(account_id, account, event)
            case _:
                pass

    def enter(
        self, account_id: str, account: Standing, event: Debited | Credited, amount: int
    ) -> None:
        """I-3, I-4, I-12: an entry belongs to a posting; the balance is the one before plus it."""
        entry = self.expected.pop(event.entry_id, None)
        if entry is None or entry.account_id != account_id or entry.amount != amount:
            self.findings.find("I-3", f"entry {event.entry_id} has no posting beside it")
        account.balance += amount
        self.worth[account.currency] = self.worth.get(account.currency, 0) + amount
        if account.balance != event.balance_after:
            told = f"is told to have {event.balance_after}"
            self.findings.find("I-4", f"account {account_id} has {account.balance}, but {told}")
        self.refuse_closed(account_id, account)

    def hold(
        self,
        account_id: str,
        account: Standing,
        event: HoldPlaced | HoldCaptured | HoldReleased | HoldExpired,
    ) -> None:
        """I-6, I-12: follow a hold."""
        match event:
            case HoldPlaced(hold_id=hold_id, amount=amount):
                holds.place(account.promises, event, self.findings)
                self.moved[account_id, hold_id] = amount
                self.refuse_closed(account_id, account)
            case HoldCaptured():
                holds.capture(account.promises, event, self.findings)
            case HoldReleased() | HoldExpired():
                holds.release(account.promises, event, self.findings)

    def change(
        self,
        account_id: str,
        account: Standing,
        event: Closed | Linked | LimitsChanged | CreditLimitChanged,
    ) -> None:
        """Take on new terms, or I-12: end with nothing in it and nothing promised."""
        match event:
            case LimitsChanged(daily_limit=limit):
                account.daily_limit = limit
            case CreditLimitChanged(to=limit):
                account.credit_limit = limit
            case Linked():
                account.linked = True
            case Closed():
                account.closed = True
                promised = holds.held(account.promises, self.findings.at)
                if account.balance or promised:
                    left = f"{account.balance} in it and {promised} promised"
                    self.findings.find("I-12", f"account {account_id} is closed with {left}")

    def refuse_closed(self, account_id: str, account: Standing) -> None:
        """I-12: nothing happens to an account that is closed."""
        if account.closed:
            self.findings.find("I-12", f"account {account_id} is closed, and still moves")

    def use(self, account_id: str, account: Standing, event: UsageChanged) -> None:
        """I-9: what counts is what moved, on its day, and never more than the limit."""
        if event.delta > 0:
            moved = self.moved.get((account_id, event.cause))
            if moved != event.delta or event.day != utc_day(self.findings.at):
                says = f"{event.delta} of {event.cause} counts on {event.day}, but did not move so"
                self.findings.find("I-9", says)
        if event.day < account.day:
            return
        before = account.spent if account.day == event.day else 0
        account.day, account.spent = event.day, before + event.delta
        limit = self.limit_of(account)
        if account.spent < 0 or (event.delta > 0 and limit is not None and account.spent > limit):
            says = f"account {account_id} has spent {account.spent} of {limit} on {event.day}"
            self.findings.find("I-9", says)

    def limit_of(self, account: Standing) -> int | None:
        """Return the limit of a day: the account's own, or that of its type."""
        if account.daily_limit is not None or self.rules is None:
            return account.daily_limit
        return self.rules.daily(account.account_type, account.currency)

    def end_command(self) -> None:
        """I-3 and I-5 hold where a command ends; inside it they are nobody's business."""
        for entry in self.expected.values():
            self.findings.find("I-3", f"entry {entry.entry_id} never reached its account")
        for account_id, before in self.before.items():
            after = self.standings[account_id].available(self.findings.at)
            if after < min(before, 0) and account_id not in self.imported:
                self.findings.find("I-5", f"account {account_id} has {after} available")
        for each in (self.expected, self.before, self.moved, self.imported):
            each.clear()
