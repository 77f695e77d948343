"""Decisions about the history of an outside bank: every line mirrored once (banking.md §5).

What is known of a line is the holder of its claim: `pending/<n>`, `dropped/<n>`,
`posted/<n>/<amount>` after n bookings, or `payment/<id>` for one of our own.
"""

import msgspec

from ledger.aggregates import account, connection
from ledger.aggregates.connection_states import Connection
from ledger.commands.account import ImportEntry
from ledger.commands.connection import BankLine, TakeBankPage
from ledger.decisions.accounts import open_state
from ledger.decisions.bank_payments import match_payment
from ledger.decisions.connections import existing
from ledger.decisions.system_side import entries_against
from ledger.decisions.view import Claim, NotLoaded, View
from ledger.events.connection import (
    BankHistoryRead,
    BankTransactionAmended,
    BankTransactionDropped,
    BankTransactionImported,
    BankTransactionMatched,
    BankTransactionPosted,
)
from ledger.events.event import Sealed, sealed
from ledger.events.posting import PostingBooked
from ledger.identity import derived_id, numbered_id

LINE = "external_transaction"


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """What a page came to: lines that are new here, and lines that are our own payments."""

    imported: int
    matched: int


class Known(msgspec.Struct, frozen=True):
    """What is known of a line: its standing, how often it was booked, and what that came to."""

    standing: str = "new"
    bookings: int = 0
    amount: int = 0

    @property
    def text(self) -> str:
        """Return it as a claim's holder."""
        return f"{self.standing}/{self.bookings}/{self.amount}"


class Page(msgspec.Struct, frozen=True):
    """One page on its way in: where its lines belong."""

    view: View
    command: TakeBankPage

    @property
    def stream(self) -> str:
        """Return the stream of the connection."""
        return f"connection-{self.command.connection_id}"

    @property
    def account_id(self) -> str:
        """Return the account that mirrors the history."""
        return self.command.account_id

    def key(self, external_id: str) -> str:
        """Return what a line's claim is found by."""
        return f"{self.account_id}/{external_id}"

    def known(self, external_id: str) -> Known:
        """Return what is known of a line."""
        claim = self.view.known_claim(LINE, self.key(external_id))
        if claim is None:
            return Known()
        standing, bookings, amount = claim.holder.split("/")
        return Known(standing, int(bookings), int(amount))

    def learn(self, external_id: str, known: Known) -> None:
        """Remember what is known of a line, for ever."""
        self.view.change_claim(LINE, self.key(external_id), Claim(known.text))

    def transaction_id(self, external_id: str) -> str:
        """Return the one id a line has here, pending or booked."""
        return numbered_id(self.posting_id(external_id, 1), 1)

    def posting_id(self, external_id: str, booking: int) -> str:
        """Return the id of the posting that books a line for the `booking`-th time."""
        return derived_id("import", self.account_id, external_id, booking)


def take_bank_page(view: View, command: TakeBankPage) -> str:
    """Mirror what is new on a page; the same page again records nothing."""
    page = Page(view, command)
    connection.refuse_dead(existing(view, command.connection_id))
    gather(page)
    taken = [take_line(page, line) for line in command.lines]
    for external_id in command.removed:
        take_removal(page, external_id)
    known: Connection = view.state(page.stream)
    if command.cursor is not None and known.cursors.get(page.account_id) != command.cursor:
        view.record(page.stream, BankHistoryRead(account_id=page.account_id, cursor=command.cursor))
    tally = Taken(taken.count("imported"), taken.count("matched"))
    return view.tell(f"page-{command.connection_id}", tally)


def gather(page: Page) -> None:
    """Ask for everything the lines of a page need at once."""
    view, missing = page.view, list[str]()
    external_ids = [line.external_id for line in page.command.lines]
    for external_id in (*external_ids, *page.command.removed):
        try:
            page.known(external_id)
        except NotLoaded as absent:
            missing += absent.keys
    try:
        view.state(f"account-{page.account_id}")
    except NotLoaded as absent:
        missing += absent.keys
    if missing:
        raise NotLoaded(*missing)


def take_line(page: Page, line: BankLine) -> str:
    """Mirror one line as far as it is news; say what became of it."""
    known = page.known(line.external_id)
    match known.standing, line.status:
        case "payment", _:
            return "known"
        case "posted", _:
            amend(page, line.external_id, known, line.amount if line.status == "posted" else 0)
            return "known"
        case _, "posted" if take_own_payment(page, line, known):
            return "matched"
        case _, "posted":
            book_line(page, line, known)
            return "imported"
        case "pending", "declined":
            drop(page, line.external_id, known)
            return "known"
        case _, "pending" if not is_news(page, line, known):
            return "known"
        case _, "pending":
            record_line(page, line, None)
            page.learn(line.external_id, Known("pending", known.bookings, known.amount))
            return "imported"
        case _:
            return "known"


def is_news(page: Page, line: BankLine, known: Known) -> bool:
    """Say whether a pending line is new or comes to another amount; our own payments never are."""
    if line.payment_id is not None and known.standing == "new":
        return False
    waiting = page.view.state(page.stream).waiting.get(page.key(line.external_id))
    return waiting is None or waiting.amount != line.amount


def take_own_payment(page: Page, line: BankLine, known: Known) -> bool:
    """Match a booked line with one of our own payments, if it is one."""
    payment_id = match_payment(page.view, page.account_id, line)
    if payment_id is None:
        return False
    if known.standing == "pending":
        drop(page, line.external_id, known)
    matched = BankTransactionMatched(
        account_id=page.account_id, external_id=line.external_id, payment_id=payment_id
    )
    page.view.record(page.stream, matched)
    page.learn(line.external_id, Known("payment", known.bookings, line.amount))
    return True


def book_line(page: Page, line: BankLine, known: Known) -> None:
    """Book a line for the first time, whether or not it was pending before."""
    external_id, booking = line.external_id, known.bookings + 1
    posting_id = page.posting_id(external_id, booking) if line.amount else None
    description = sealed(line.description)
    if posting_id is not None:
        book(page, posting_id, line.amount, description)
    page.learn(external_id, Known("posted", booking, line.amount))
    if known.standing != "pending":
        return record_line(page, line, posting_id)
    posted = BankTransactionPosted(
        account_id=page.account_id,
        external_id=external_id,
        transaction_id=page.transaction_id(external_id),
        amount=line.amount,
        posting_id=posting_id,
    )
    return page.view.record(page.stream, posted)


def record_line(page: Page, line: BankLine, posting_id: str | None) -> None:
    """Tell a line that is new here, pending or booked."""
    imported = BankTransactionImported(
        account_id=page.account_id,
        external_id=line.external_id,
        transaction_id=page.transaction_id(line.external_id),
        amount=line.amount,
        currency=line.currency,
        description=sealed(line.description),
        provider_status=line.status,
        occurred_at=line.occurred_at,
        posting_id=posting_id,
    )
    page.view.record(page.stream, imported)


def take_removal(page: Page, external_id: str) -> None:
    """Take back a line that the bank has taken back."""
    known = page.known(external_id)
    match known.standing:
        case "pending":
            drop(page, external_id, known)
        case "posted":
            amend(page, external_id, known, 0)
        case _:
            pass


def drop(page: Page, external_id: str, known: Known) -> None:
    """Forget a pending line that came to nothing; it may come back."""
    dropped = BankTransactionDropped(
        account_id=page.account_id,
        external_id=external_id,
        transaction_id=page.transaction_id(external_id),
    )
    page.view.record(page.stream, dropped)
    page.learn(external_id, Known("dropped", known.bookings, known.amount))


def amend(page: Page, external_id: str, known: Known, amount: int) -> None:
    """Book the difference when a booked line comes to another amount now."""
    if amount == known.amount:
        return
    booking = known.bookings + 1
    posting_id = page.posting_id(external_id, booking)
    book(page, posting_id, amount - known.amount, None)
    amended = BankTransactionAmended(
        account_id=page.account_id,
        external_id=external_id,
        transaction_id=page.transaction_id(external_id),
        amount=amount,
        posting_id=posting_id,
    )
    page.view.record(page.stream, amended)
    page.learn(external_id, Known("posted", booking, amount))


def book(page: Page, posting_id: str, amount: int, description: Sealed | None) -> None:
    """Book what an outside bank has booked, against its clearing."""
    view, account_id = page.view, page.account_id
    state = open_state(view, account_id)
    entries = entries_against(
        state.clearing,
        posting_id=posting_id,
        account_id=account_id,
        amount=amount,
        currency=state.currency,
    )
    view.begin(f"posting-{posting_id}")
    booked = PostingBooked(
        posting_id=posting_id, kind="IMPORT", entries=entries, description=description
    )
    view.record(f"posting-{posting_id}", booked)
    entry = ImportEntry(
        account_id=account_id, posting_id=posting_id, entry_id=entries[0].entry_id, amount=amount
    )
    view.record(f"account-{account_id}", *account.decide(state, entry))
