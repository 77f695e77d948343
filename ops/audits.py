"""Audits: the invariants of the books recomputed from the log alone (ledger.md §12)."""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from ledger.entries import Entry, balanced
from ledger.events.account import (
    AccountCredited,
    AccountDebited,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import Event
from ledger.events.payment import PaymentCompleted, PaymentProcessingStarted
from ledger.events.posting import PostingBooked
from projections.log import Logged

FOUND_MAX = 100


class Finding(msgspec.Struct, frozen=True):
    """An invariant that does not hold, and where in the log that shows."""

    invariant: str
    position: int
    says: str


class Position(msgspec.Struct):
    """What one account is worth by its events. `holds` are remaining amounts by hold."""

    currency: str
    credit_limit: int
    balance: int = 0
    holds: dict[str, int] = {}
    day: str = ""
    spent: int = 0


class Audit:
    """Folds the log in order; `findings` says what is wrong, `sums` what each code is worth."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.accounts: dict[str, Position] = {}
        self.sums: dict[tuple[str, str], int] = defaultdict(int)
        self.expected: dict[str, Entry] = {}
        self.postings: dict[str, PostingBooked] = {}
        self.paid: dict[str, str] = {}
        self.started: set[str] = set()
        self.completed: set[str] = set()
        self.reversed: set[str] = set()
        self.touched: set[str] = set()
        self.position = 0

    def find(self, invariant: str, says: str) -> None:
        """Note what is wrong here."""
        if len(self.findings) < FOUND_MAX:
            self.findings.append(Finding(invariant, self.position, says))

    def take(self, logged: Logged[Event]) -> None:
        """Fold one event."""
        if logged.position != self.position + 1:
            self.find("I-13", f"positions jump from {self.position} to {logged.position}")
        self.position = logged.position
        match logged.event:
            case AccountOpened(currency=currency, credit_limit=limit):
                self.accounts[logged.subject] = Position(currency, limit)
            case PostingBooked() as posting:
                self.post(posting)
            case AccountDebited() | AccountCredited() as entry:
                self.enter(logged.subject, entry)
            case HoldPlaced() | HoldCaptured() | HoldReleased() as hold:
                self.hold(logged.subject, hold)
            case DailyUsageChanged() as usage:
                self.use(logged.subject, usage)
            case PaymentProcessingStarted():
                self.started.add(logged.subject)
            case PaymentCompleted(posting_id=posting_id):
                self.complete(logged.subject, posting_id)
            case _:
                pass

    def post(self, posting: PostingBooked) -> None:
        """I-1, I-2 and I-8: a posting balances, on accounts of its currency, and undoes once."""
        if not balanced(posting.entries):
            self.find("I-1", f"posting {posting.posting_id} does not balance")
        self.postings[posting.posting_id] = posting
        for entry in posting.entries:
            code = entry.account_code or f"customers:{entry.currency}"
            self.sums[entry.currency, code] += entry.amount
            if entry.account_id is None:
                continue
            account = self.accounts.get(entry.account_id)
            if account is None or account.currency != entry.currency:
                self.find("I-2", f"entry {entry.entry_id} does not fit its account")
            self.expected[entry.entry_id] = entry
        if posting.payment_id is not None:
            self.pay(posting.payment_id, posting.posting_id)
        if posting.reverses_posting_id is not None:
            self.undo(posting, posting.reverses_posting_id)

    def pay(self, payment_id: str, posting_id: str) -> None:
        """I-7: a payment has at most one posting, after it was started."""
        if payment_id in self.paid or payment_id not in self.started:
            self.find("I-7", f"payment {payment_id} is posted once too often, or too early")
        self.paid[payment_id] = posting_id

    def complete(self, payment_id: str, posting_id: str) -> None:
        """I-7: a completed payment names its posting."""
        self.completed.add(payment_id)
        if self.paid.get(payment_id) != posting_id:
            self.find("I-7", f"payment {payment_id} was completed without its posting")

    def undo(self, posting: PostingBooked, undone_id: str) -> None:
        """I-8: a posting is reversed at most once, by its exact negation."""
        undone = self.postings.get(undone_id)
        if undone is None or undone_id in self.reversed or lines(undone, -1) != lines(posting):
            self.find("I-8", f"posting {posting.posting_id} does not undo {undone_id}")
        self.reversed.add(undone_id)

    def enter(self, account_id: str, event: AccountDebited | AccountCredited) -> None:
        """I-4: the balance after an entry is the one before it plus its signed amount."""
        amount = -event.amount if isinstance(event, AccountDebited) else event.amount
        account = self.accounts[account_id]
        account.balance += amount
        self.touched.add(account_id)
        entry = self.expected.pop(event.entry_id, None)
        if entry is None or entry.account_id != account_id or entry.amount != amount:
            self.find("I-3", f"entry {event.entry_id} has no posting beside it")
        if account.balance != event.balance_after:
            self.find("I-4", f"account {account_id} has {account.balance} by its entries, "
                             f"but is told to have {event.balance_after}")  # fmt: skip

    def hold(self, account_id: str, event: HoldPlaced | HoldCaptured | HoldReleased) -> None:
        """I-6: what was placed is captured, released or still there."""
        account = self.accounts[account_id]
        self.touched.add(account_id)
        left = account.holds.get(event.hold_id, 0)
        match event:
            case HoldPlaced():
                account.holds = {**account.holds, event.hold_id: event.amount}
                return
            case HoldCaptured():
                left = 0 if event.final else left - event.amount
                wrong = event.amount > account.holds.get(event.hold_id, 0)
            case HoldReleased():
                wrong, left = event.amount != left, 0
        if wrong:
            self.find("I-6", f"hold {event.hold_id} gives more than it has")
        account.holds = {key: rest for key, rest in account.holds.items() if key != event.hold_id}
        if left:
            account.holds[event.hold_id] = left

    def use(self, account_id: str, event: DailyUsageChanged) -> None:
        """I-9: what counts against a day's limit never falls below zero."""
        account = self.accounts[account_id]
        spent = event.delta + (account.spent if account.day == event.day else 0)
        if event.day >= account.day:
            account.day, account.spent = event.day, spent
        if event.day >= account.day and spent < 0:
            self.find("I-9", f"account {account_id} has spent {spent} on {event.day}")

    def end_command(self) -> None:
        """I-3 and I-5 hold where a command ends; inside it they are nobody's business."""
        for entry in self.expected.values():
            self.find("I-3", f"entry {entry.entry_id} never reached its account")
        self.expected.clear()
        for account_id in self.touched:
            account = self.accounts[account_id]
            available = account.balance - sum(account.holds.values()) + account.credit_limit
            if available < 0:
                self.find("I-5", f"account {account_id} has {available} available")
        self.touched.clear()

    def end(self) -> None:
        """I-3 and I-7 over the whole log."""
        for currency, total in self.totals():
            if total:
                self.find("I-3", f"all {currency} accounts sum to {total}, not to zero")
        for payment_id in self.paid.keys() - self.completed:
            self.find("I-7", f"payment {payment_id} is posted but not completed")

    def totals(self) -> Iterator[tuple[str, int]]:
        """Yield what all accounts of each currency sum to."""
        for currency in sorted({currency for currency, _ in self.sums}):
            yield currency, sum(each for (of, _), each in self.sums.items() if of == currency)


def lines(posting: PostingBooked, sign: int = 1) -> list[tuple[str, int]]:
    """Return what a posting does to which account."""
    return sorted(
        (entry.account_id or entry.account_code or "", sign * entry.amount)
        for entry in posting.entries
    )
