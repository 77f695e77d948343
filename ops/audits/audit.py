"""The audit: folds the log in order, and says what is wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ledger.policies.limits import Rules
from ops.audits.accounts import OF_ACCOUNTS, Accounts
from ops.audits.findings import Finding, Findings
from ops.audits.payments import OF_PAYMENTS, Payments, Reveal
from ops.audits.postings import Lookup, Postings
from ops.audits.quotes import OF_QUOTES, Quotes
from ops.audits.shapes import Booked, Opened, Shape, Transferred

CUSTOMERS = "customers"


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event of the log. `follows`: the version before it is there, and earlier."""

    position: int
    stream_id: str
    version: int
    recorded_at: str
    follows: bool
    says: Any


class Audit:
    """What the log comes to. `rules` are the settings, where they hold for all of it."""

    def __init__(self, rules: Rules | None, earlier: Lookup, reveal: Reveal) -> None:
        self.findings = Findings()
        self.accounts = Accounts(self.findings, rules)
        self.postings = Postings(self.findings, self.accounts, earlier)
        self.payments = Payments(self.findings, rules, reveal)
        self.quotes = Quotes(self.findings)
        self.whole = True
        self.concerned: dict[type[Shape], Callable[[str, Any], None]] = {
            **dict.fromkeys(OF_ACCOUNTS, self.accounts.take),
            **dict.fromkeys(OF_PAYMENTS, self.payments.take),
            **dict.fromkeys(OF_QUOTES, self.quotes.take),
            Opened: self.accounts.open,
            Booked: self.book,
            Transferred: self.quotes.transfer,
        }

    @property
    def position(self) -> int:
        """Return how far the log was folded."""
        return self.findings.position

    @property
    def found(self) -> list[Finding]:
        """Return everything that is wrong."""
        return self.findings.found

    def give_up(self, finding: Finding) -> None:
        """Stop where the log cannot be read."""
        self.found.append(finding)
        self.whole = False

    def take(self, fact: Fact) -> None:
        """Fold one event."""
        before = self.position
        self.findings.look(fact.position, fact.stream_id, fact.version, fact.recorded_at)
        if fact.position != before + 1:
            self.findings.find("I-13", f"positions jump from {before} to {fact.position}")
        if not fact.follows:
            self.findings.find("I-13", f"{fact.stream_id} has no version {fact.version - 1} before")
        concerned = self.concerned.get(type(fact.says))
        if concerned is not None:
            concerned(fact.stream_id.partition("-")[2], fact.says)

    def book(self, _: str, posting: Booked) -> None:
        """Fold a posting, which may be a payment's."""
        self.postings.book(posting)
        self.payments.book(posting)

    def end_command(self) -> None:
        """Judge what has to hold where a command ends."""
        self.accounts.end_command()
        self.payments.end_command()
        self.quotes.end_command()

    def end(self) -> None:
        """I-3 over the whole log."""
        for currency, total in self.totals():
            if total:
                says = f"all {currency} accounts sum to {total}, not to zero"
                self.findings.find_at_all("I-3", says)

    @property
    def sums(self) -> dict[tuple[str, str], int]:
        """Return what each code is worth, by currency: customers first, then the house."""
        customers = {(of, CUSTOMERS): each for of, each in self.accounts.worth.items()}
        return customers | dict(sorted(self.postings.worth.items()))

    def totals(self) -> Iterator[tuple[str, int]]:
        """Yield what all accounts of each currency sum to."""
        sums = self.sums
        for currency in sorted({currency for currency, _ in sums}):
            yield currency, sum(each for (of, _), each in sums.items() if of == currency)
