"""Audits: the invariants of the books recomputed from the log alone (ledger.md §12)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from ledger.entries import Entry
from ledger.events.account import (
    AccountCredited,
    AccountCreditLimitChanged,
    AccountDebited,
    AccountOpened,
    DailyUsageChanged,
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
)
from ledger.events.event import Event
from ledger.events.payment import PaymentCompleted, PaymentProcessingStarted
from ledger.events.posting import PostingBooked
from projections.log import Logged

FOUND_MAX = 100
CUSTOMERS = "customers"


class Finding(msgspec.Struct, frozen=True):
    """An invariant that does not hold, and where in the log that shows."""

    invariant: str
    position: int
    says: str

    def line(self) -> str:
        """Return the finding as people read it."""
        return f"{self.invariant} at position {self.position}: {self.says}"


class Standing(msgspec.Struct):
    """What one account is worth by its events. `holds` are remaining amounts by hold."""

    currency: str
    credit_limit: int
    balance: int = 0
    holds: dict[str, int] = {}
    day: str = ""
    spent: int = 0

    @property
    def available(self) -> int:
        """Return what may be spent."""
        return self.balance - sum(self.holds.values()) + self.credit_limit


class Audit:
    """Folds the log in order; `findings` says what is wrong, `sums` what each code is worth.

    `expected` are entries of postings, and `unfinished` payments, that the command has to end.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.position = 0
        self.whole = True
        self.versions: dict[str, int] = {}
        self.accounts: dict[str, Standing] = {}
        self.touched: set[str] = set()
        self.sums: dict[tuple[str, str], int] = defaultdict(int)
        self.expected: dict[str, Entry] = {}
        self.postings: dict[str, PostingBooked] = {}
        self.reversed: set[str] = set()
        self.started: set[str] = set()
        self.paid: dict[str, str] = {}
        self.unfinished: set[str] = set()

    def find(self, invariant: str, says: str) -> None:
        """Note what is wrong here."""
        if len(self.findings) < FOUND_MAX:
            self.findings.append(Finding(invariant, self.position, says))

    def give_up(self, finding: Finding) -> None:
        """Stop where the log cannot be read."""
        self.findings.append(finding)
        self.whole = False

    def take(self, logged: Logged[Event]) -> None:
        """Fold one event."""
        self.number(logged)
        match logged.event:
            case AccountOpened(currency=currency, credit_limit=limit):
                self.accounts[logged.subject] = Standing(currency, limit)
            case PostingBooked() as posting:
                self.post(posting)
            case PaymentProcessingStarted():
                self.started.add(logged.subject)
            case PaymentCompleted(posting_id=posting_id):
                self.complete(logged.subject, posting_id)
            case _ if logged.stream_id.startswith("account-"):
                self.move(logged.subject, logged.event)
            case _:
                pass

    def number(self, logged: Logged[Event]) -> None:
        """I-13: positions and stream versions are contiguous."""
        before, self.position = self.position, logged.position
        if logged.position != before + 1:
            self.find("I-13", f"positions jump from {before} to {logged.position}")
        version = self.versions.get(logged.stream_id, 0)
        if logged.version != version + 1:
            says = f"{logged.stream_id} jumps from version {version} to {logged.version}"
            self.find("I-13", says)
        self.versions[logged.stream_id] = logged.version

    def post(self, posting: PostingBooked) -> None:
        """Book a posting: I-1, I-2; its entries have to reach their accounts."""
        for currency, total in sums_of(posting.entries).items():
            if total:
                self.find("I-1", f"posting {posting.posting_id} sums to {total} {currency}")
        if len({name_of(entry) for entry in posting.entries}) < 2:  # noqa: PLR2004  # a giver and a taker
            self.find("I-2", f"posting {posting.posting_id} is not between two accounts")
        for entry in posting.entries:
            self.line(entry)
        self.postings[posting.posting_id] = posting
        if posting.payment_id is not None:
            self.pay(posting.payment_id, posting.posting_id)
        if posting.reverses_posting_id is not None:
            self.undo(posting, posting.reverses_posting_id)

    def line(self, entry: Entry) -> None:
        """I-2: an entry has its account's currency."""
        if entry.account_id is None:
            code = entry.account_code or ""
            self.sums[entry.currency, code] += entry.amount
            currency = code.rpartition(":")[2]
        else:
            account = self.accounts.get(entry.account_id)
            currency = "none" if account is None else account.currency
            self.expected[entry.entry_id] = entry
        if currency != entry.currency:
            says = f"entry {entry.entry_id} is in {entry.currency}, its account in {currency}"
            self.find("I-2", says)

    def pay(self, payment_id: str, posting_id: str) -> None:
        """I-7: a payment has at most one posting, after it was started."""
        if payment_id in self.paid or payment_id not in self.started:
            self.find("I-7", f"payment {payment_id} is posted once too often, or too early")
        self.paid[payment_id] = posting_id
        self.unfinished.add(payment_id)

    def complete(self, payment_id: str, posting_id: str) -> None:
        """I-7: a payment is completed once, beside its posting."""
        if payment_id not in self.unfinished or self.paid[payment_id] != posting_id:
            self.find("I-7", f"payment {payment_id} is completed without its posting")
        self.unfinished.discard(payment_id)

    def undo(self, posting: PostingBooked, undone_id: str) -> None:
        """I-8: a posting is reversed at most once, by its exact negation."""
        undone = self.postings.get(undone_id)
        if undone is None or undone_id in self.reversed or moves(undone, -1) != moves(posting):
            self.find("I-8", f"posting {posting.posting_id} does not undo {undone_id}")
        self.reversed.add(undone_id)

    def move(self, account_id: str, event: Event) -> None:
        """Fold what happens to an account that was opened."""
        account = self.accounts.get(account_id)
        if account is None:
            self.find("I-2", f"account {account_id} was never opened")
            return
        self.touched.add(account_id)
        match event:
            case AccountDebited(amount=amount):
                self.enter(account_id, account, event, -amount)
            case AccountCredited(amount=amount):
                self.enter(account_id, account, event, amount)
            case HoldPlaced() | HoldCaptured() | HoldReleased() | HoldExpired():
                self.hold(account, event)
            case DailyUsageChanged():
                self.use(account_id, account, event)
            case AccountCreditLimitChanged(to=limit):
                account.credit_limit = limit
            case _:
                pass

    def enter(
        self,
        account_id: str,
        account: Standing,
        event: AccountDebited | AccountCredited,
        amount: int,
    ) -> None:
        """I-3, I-4: an entry belongs to a posting; the balance after it is the one before plus."""
        entry = self.expected.pop(event.entry_id, None)
        if entry is None or entry.account_id != account_id or entry.amount != amount:
            self.find("I-3", f"entry {event.entry_id} has no posting beside it")
        account.balance += amount
        self.sums[account.currency, CUSTOMERS] += amount
        if account.balance != event.balance_after:
            told = f"is told to have {event.balance_after}"
            self.find("I-4", f"account {account_id} has {account.balance}, but {told}")

    def hold(
        self, account: Standing, event: HoldPlaced | HoldCaptured | HoldReleased | HoldExpired
    ) -> None:
        """I-6: what was placed, once, is captured, released or still there."""
        left = account.holds.pop(event.hold_id, 0)
        wrong, rest = event.amount != left, 0
        match event:
            case HoldPlaced(amount=amount):
                wrong, rest = left != 0, amount
            case HoldCaptured(amount=amount, final=final):
                wrong, rest = amount > left, 0 if final else left - amount
            case HoldReleased() | HoldExpired():
                pass
        if wrong:
            self.find("I-6", f"hold {event.hold_id} is placed twice, or gives what it has not")
        if rest > 0:
            account.holds[event.hold_id] = rest

    def use(self, account_id: str, account: Standing, event: DailyUsageChanged) -> None:
        """I-9: what counts against a day's limit never falls below zero."""
        if event.day < account.day:
            return
        before = account.spent if account.day == event.day else 0
        account.day, account.spent = event.day, before + event.delta
        if account.spent < 0:
            self.find("I-9", f"account {account_id} has spent {account.spent} on {event.day}")

    def end_command(self) -> None:
        """I-3, I-5 and I-7 hold where a command ends; inside it they are nobody's business."""
        for entry in self.expected.values():
            self.find("I-3", f"entry {entry.entry_id} never reached its account")
        for payment_id in sorted(self.unfinished):
            self.find("I-7", f"payment {payment_id} is posted but not completed")
        for account_id in sorted(self.touched):
            if (available := self.accounts[account_id].available) < 0:
                self.find("I-5", f"account {account_id} has {available} available")
        self.expected.clear()
        self.unfinished.clear()
        self.touched.clear()

    def end(self) -> None:
        """I-3 over the whole log."""
        for currency, total in self.totals():
            if total:
                self.find("I-3", f"all {currency} accounts sum to {total}, not to zero")

    def totals(self) -> Iterator[tuple[str, int]]:
        """Yield what all accounts of each currency sum to."""
        for currency in sorted({currency for currency, _ in self.sums}):
            yield currency, sum(each for (of, _), each in self.sums.items() if of == currency)


def sums_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Return what entries sum to in each currency."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        sums[entry.currency] += entry.amount
    return sums


def moves(posting: PostingBooked, sign: int = 1) -> list[tuple[str, str, int]]:
    """Return what a posting does to which account."""
    return sorted((name_of(each), each.currency, sign * each.amount) for each in posting.entries)


def name_of(entry: Entry) -> str:
    """Return the account of an entry, a customer's or the house's."""
    return entry.account_id or entry.account_code or ""
