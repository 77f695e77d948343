"""Audit of postings: balanced, between accounts of their currency, undone once (I-1, I-2, I-8)."""

from collections import defaultdict
from collections.abc import Callable

from ops.audits.accounts import Accounts
from ops.audits.findings import Findings
from ops.audits.shapes import Booked, Line

Lookup = Callable[[str], Booked | None]
"""Returns a posting booked earlier, by its id."""


class Postings:
    """What was posted. `worth` is what each account of the house has, by currency and code."""

    def __init__(self, findings: Findings, accounts: Accounts, earlier: Lookup) -> None:
        self.findings, self.accounts, self.earlier = findings, accounts, earlier
        self.worth: dict[tuple[str, str], int] = defaultdict(int)
        self.undone: set[str] = set()

    def book(self, posting: Booked) -> None:
        """Fold a posting; its entries have to reach their accounts."""
        for currency, total in sums_of(posting).items():
            if total:
                self.findings.find(
                    "I-1", f"posting {posting.posting_id} sums to {total} {currency}"
                )
        if len({entry.account for entry in posting.entries}) < 2:  # noqa: PLR2004  # a giver and a taker
            says = f"posting {posting.posting_id} is not between two accounts"
            self.findings.find("I-2", says)
        for entry in posting.entries:
            self.enter(entry)
        self.accounts.take_over(posting)
        if posting.reverses_posting_id is not None:
            self.undo(posting, posting.reverses_posting_id)

    def enter(self, entry: Line) -> None:
        """I-2: an entry has its account's currency."""
        if entry.account_id is None:
            self.worth[entry.currency, entry.account] += entry.amount
            currency = entry.account.rpartition(":")[2]
        else:
            self.accounts.expected[entry.entry_id] = entry
            currency = self.currency_of(entry.account_id)
        if currency != entry.currency:
            says = f"entry {entry.entry_id} is in {entry.currency}, its account in {currency}"
            self.findings.find("I-2", says)

    def currency_of(self, account_id: str) -> str:
        """Return the currency of a customer's account."""
        account = self.accounts.standings.get(account_id)
        return "none" if account is None else account.currency

    def undo(self, posting: Booked, undone_id: str) -> None:
        """I-8: a posting is reversed at most once, by its exact negation."""
        undone = self.earlier(undone_id)
        if undone is None or undone_id in self.undone or moves(undone, -1) != moves(posting):
            self.findings.find("I-8", f"posting {posting.posting_id} does not undo {undone_id}")
        self.undone.add(undone_id)


def sums_of(posting: Booked) -> dict[str, int]:
    """Return what entries sum to in each currency."""
    sums: dict[str, int] = {}
    for entry in posting.entries:
        sums[entry.currency] = sums.get(entry.currency, 0) + entry.amount
    return sums


def moves(posting: Booked, sign: int = 1) -> list[tuple[str, str, int]]:
    """Return what a posting does to which account."""
    return sorted((each.account, each.currency, sign * each.amount) for each in posting.entries)
