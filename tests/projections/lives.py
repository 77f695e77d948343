"""A life of a few accounts in which everything happens that can happen to an account."""

from datetime import timedelta
from random import Random

from ledger.events.account import (
    AccountActivated,
    AccountCreditLimitChanged,
    AccountDeactivated,
    AccountEvent,
    AccountFrozen,
    AccountLimitsChanged,
    AccountRenamed,
    AccountUnfrozen,
    HoldCaptured,
    HoldReleased,
)
from ledger.events.session import SessionStarted
from ledger.identity import new_id
from ledger.times import utc_text
from tests.projections.history import BEGIN, History
from tests.projections.scripts import Script

SOON = 40
"""Positions, and as many milliseconds, after which a hold lapses."""


class Life:
    """Something happens at every step, as the dice say."""

    def __init__(self, history: History, seed: int) -> None:
        self.history, self.dice = history, Random(seed)
        self.script = Script(history)
        self.users = self.script.users
        self.conditions = dict.fromkeys(self.script.accounts, "ACTIVE")
        self.credit = dict.fromkeys(self.script.accounts, 0)
        self.holds: list[tuple[str, str, int]] = []
        self.payments: list[str] = []

    @property
    def now(self) -> str:
        """Return when the newest event was recorded."""
        return utc_text(BEGIN + timedelta(milliseconds=self.history.position))

    def step(self) -> None:
        """Let one thing happen."""
        account = self.dice.choice(self.script.accounts)
        happenings = (self.pay, self.pay, self.move, self.change, self.change, self.hold, self.end)
        self.dice.choice(happenings)(account)

    def move(self, _: str) -> None:
        one, other = self.script.accounts[:2]
        pair = (one, other) if self.dice.random() < 0.5 else (other, one)
        self.history.transfer(*pair, self.dice.randint(1, 90))

    def pay(self, _: str) -> None:
        self.script.play([self.dice.randrange(1, 4) + 5 * self.dice.randrange(30)])
        self.payments = list({*self.payments, *(each for each, _ in self.script.waiting)})

    def hold(self, account: str) -> None:
        amount = self.dice.randint(1, 50)
        lapses = utc_text(BEGIN + timedelta(milliseconds=self.history.position + SOON))
        expires_at = lapses if self.dice.random() < 0.5 else None
        hold_id = self.history.hold(account, amount, expires_at)
        self.holds.append((hold_id, account, amount))

    def end(self, _: str) -> None:
        """Take part of a hold, or give it back."""
        if not self.holds:
            return self.sign_in()
        hold_id, account, left = self.holds.pop(self.dice.randrange(len(self.holds)))
        stream, posting_id = f"account-{account}", new_id()
        if self.dice.random() < 0.3:
            released = HoldReleased(hold_id=hold_id, amount=left, cause="caller")
            self.history.command((stream, released))
            return None
        amount = self.dice.randint(1, left)
        final = amount == left or self.dice.random() < 0.5
        captured = HoldCaptured(hold_id=hold_id, amount=amount, posting_id=posting_id, final=final)
        currency = self.history.currencies[account]
        entries = (account, -amount), (f"clearing:LEDGERBANK:{currency}", amount)
        booked = self.history.posting("TRANSFER", currency, entries, posting_id=posting_id)
        self.history.command((stream, captured), *booked)
        if not final:
            self.holds.append((hold_id, account, left - amount))
        return None

    def sign_in(self) -> None:
        user_id, session_id = self.dice.choice(self.users), new_id()
        started = SessionStarted(
            session_id=session_id,
            user_id=user_id,
            jti=new_id(),
            expires_at="2999-01-01T00:00:00.000000Z",
            ip=None,
            user_agent=None,
        )
        self.history.command((f"session-{session_id}", started))
        self.history.sessions.append((session_id, user_id))

    def change(self, account: str) -> None:
        """Change what an account is, or its terms."""
        self.history.command((f"account-{account}", self.changed(account)))

    def changed(self, account: str) -> AccountEvent:
        condition, owner = self.conditions[account], self.history.owners[account]
        choice = self.dice.randrange(5)
        if choice == 0:
            name = self.history.seal(owner, f"Name {self.history.position}")
            return AccountRenamed(account_name=name)
        if choice == 1:
            limit = self.dice.choice([None, self.dice.randint(0, 99_999)])
            return AccountLimitsChanged(daily_limit=limit, single_limit=self.dice.randint(0, 999))
        if choice == 2:
            before, after = self.credit[account], self.dice.randint(0, 999)
            self.credit[account] = after
            return AccountCreditLimitChanged(before=before, to=after)
        event, self.conditions[account] = following(condition, freeze=choice == 3)
        return event


def following(condition: str, *, freeze: bool) -> tuple[AccountEvent, str]:
    """Return what may become of an account, and its state then."""
    if condition == "FROZEN":
        return AccountUnfrozen(reason="cleared", status="INACTIVE"), "INACTIVE"
    if freeze:
        return AccountFrozen(reason="suspicious", previous_status=condition), "FROZEN"
    if condition == "INACTIVE":
        return AccountActivated(), "ACTIVE"
    return AccountDeactivated(), "INACTIVE"
