"""Reading a bank: its accounts, their history page by page, their balances (banking.md §5)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import structlog

from ledger.commands.connection import BankLine, ReportBalance, TakeBankAccount, TakeBankPage
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.identity import derived_id
from ledger.money import EXPONENTS
from ledger.times import later, utc_text
from workers.attempts import Run
from workers.banks.books import BankBooks, Connection
from workers.banks.port import AccessRefused, BankAccount, BankPort, BankTransaction, HistoryPage
from workers.banks.tokens import TokenVault
from workers.database import transaction
from workers.retries import Failed

A = TypeVar("A")
PAGES_MAX = 10_000
FORGOTTEN = timedelta(days=7)
"""What is pending and was not told again for so long has come to nothing."""
PASSED_BY = frozenset(
    {
        Reason.ACCOUNT_ALREADY_LINKED,
        Reason.CURRENCY_MISMATCH,
        Reason.ACCOUNT_INACTIVE,
        Reason.USER_NOT_FOUND,
    }
)
"""Why an account of the bank is left alone, and the others are read on."""
DIGITS = 4


class Tally(msgspec.Struct):
    """What a sync came to so far."""

    accounts: int = 0
    imported: int = 0
    matched: int = 0


class History(msgspec.Struct):
    """What the pages of one run have told: line ids, and the start of what they tell completely.

    `whole` says that this attempt has read the run from its beginning.
    """

    told: set[str] = set()
    complete_since: str | None = None
    whole: bool = True

    def take(self, page: HistoryPage) -> None:
        """Remember a page; the first one decides where the run was entered."""
        first = not self.told and self.complete_since is None
        self.whole = not page.resumed if first else self.whole
        self.told.update(each.external_transaction_id for each in page.transactions)
        self.complete_since = page.complete_since or self.complete_since


class BankReader(msgspec.Struct, frozen=True):
    """Reads one connection in one attempt; every page commits with its place."""

    run: Run
    books: BankBooks
    port: BankPort
    tokens: TokenVault
    connection: Connection

    def ask(self, question: Callable[[str], A]) -> A:
        """Ask the bank; a token it refuses is refreshed once."""
        context, known = self.run.job.context, self.connection
        access = self.tokens.access(known.connection_id, known.provider, context)
        try:
            return question(access)
        except AccessRefused:
            again = self.tokens.access(known.connection_id, known.provider, context, refused=access)
            return question(again)

    def read_all(self) -> Tally:
        """Read every account that can be mirrored."""
        tally = Tally()
        for account in self.ask(self.port.accounts):
            account_id = self.take_account(account)
            if account_id is None:
                continue
            tally.accounts += 1
            self.read_history(account, account_id, tally)
            self.compare(account, account_id)
        return tally

    def take_account(self, account: BankAccount) -> str | None:
        """Return the account that mirrors one at the bank; None when that is not to be."""
        known, external = self.connection, account.external_account_id
        if account.currency not in EXPONENTS:
            self.passed_by(external, "currency")
            return None
        command = TakeBankAccount(
            connection_id=known.connection_id,
            account_id=mirror_id(known.provider, external, known.user_id),
            external_account_id=external,
            name=Private(account.name or external, known.user_id),
            currency=account.currency,
            account_type=kind_of(account.type_hint),
            last_four=last_four(account),
            closed=account.closed,
        )
        try:
            outcome: Any = self.books.handle(command, self.run.job.context)
        except Refused as refused:
            if refused.reason not in PASSED_BY:
                raise
            self.passed_by(external, refused.reason)
            return None
        taken = outcome.result
        account_id: str = taken.id
        return None if taken.state.status == "CLOSED" else account_id

    def passed_by(self, external: str, why: str) -> None:
        """Note that an account of the bank is left alone."""
        log = structlog.get_logger()
        connection_id = self.connection.connection_id
        log.warning("bank.account_passed_by", connection_id=connection_id, why=why, bank=external)

    def read_history(self, account: BankAccount, account_id: str, tally: Tally) -> None:
        """Take every page behind the stored place; then what the bank tells no longer.

        A run that was left in the middle is read to its end, and what follows as a run of its own.
        """
        external, history = account.external_account_id, History()
        cursor = self.connection.cursors.get(account_id)
        for _ in range(PAGES_MAX):
            at = cursor
            page = self.ask(lambda access: self.port.transactions(access, external, at))  # noqa: B023  # asked at once
            lines = tuple(self.line_of(each) for each in page.transactions)
            self.take(account_id, lines, page.removed, page.next_cursor, tally)
            history.take(page)
            self.run.crashpoint("after_bank_page")
            if not page.more and history.whole:
                return self.drop_gone(account_id, history, tally)
            if page.more and page.next_cursor == cursor:
                break
            cursor = page.next_cursor
            history = history if page.more else History()
        raise Failed(Reason.BANK_API_ERROR)

    def line_of(self, told: BankTransaction) -> BankLine:
        """Return a line as the ledger takes it."""
        return BankLine(
            external_id=told.external_transaction_id,
            amount=told.amount,
            currency=told.currency,
            description=Private(told.description, self.connection.user_id),
            occurred_at=told.occurred_at,
            status=told.status,
            payment_id=told.payment_id,
        )

    def take(
        self,
        account_id: str,
        lines: tuple[BankLine, ...],
        removed: tuple[str, ...],
        cursor: str | None,
        tally: Tally,
    ) -> None:
        """Hand a page to the ledger."""
        command = TakeBankPage(
            connection_id=self.connection.connection_id,
            account_id=account_id,
            lines=lines,
            removed=removed,
            cursor=cursor,
        )
        outcome: Any = self.books.handle(command, self.run.job.context)
        taken = outcome.result.state
        tally.imported += taken.imported
        tally.matched += taken.matched

    def drop_gone(self, account_id: str, history: History, tally: Tally) -> None:
        """Take back lines that the bank tells no longer."""
        waiting = self.books.connection(self.connection.connection_id).waiting
        long_ago, since = self.long_ago(), history.complete_since
        gone = tuple(
            line.external_id
            for line in waiting.get(account_id, ())
            if line.external_id not in history.told
            and (line.told_at <= long_ago or (since is not None and line.occurred_at > since))
        )
        gone += self.unsaid(account_id, history)
        if gone:
            self.take(account_id, (), gone, None, tally)

    def unsaid(self, account_id: str, history: History) -> tuple[str, ...]:
        """Return lines we know of that a complete telling has left out."""
        if history.complete_since is None:
            return ()
        values = {
            "stream": f"connection-{self.connection.connection_id}",
            "account": account_id,
            "since": history.complete_since,
            "told": list(history.told),
        }
        with transaction(self.tokens.pool) as connection:
            return tuple(row[0] for row in connection.execute(UNSAID, values).fetchall())

    def long_ago(self) -> str:
        """Return since when a pending line has to have been told again."""
        with transaction(self.tokens.pool) as connection:
            now = self.tokens.clock(connection)
        return later(utc_text(now), -FORGOTTEN)

    def compare(self, account: BankAccount, account_id: str) -> None:
        """Hand the bank's balance to the ledger."""
        external = account.external_account_id
        balance = self.ask(lambda access: self.port.balance(access, external))
        job = self.run.job
        command = ReportBalance(
            connection_id=self.connection.connection_id,
            account_id=account_id,
            amount=balance.amount,
            currency=balance.currency,
            as_of=balance.as_of,
            discrepancy_id=derived_id("discrepancy", job.id, job.attempt, account_id),
        )
        self.books.handle(command, job.context)


def mirror_id(provider: str, external_account_id: str, user_id: str) -> str:
    """Return the id of a customer's account that is opened to mirror one at a bank."""
    return derived_id("bank account", provider, external_account_id, user_id)


def kind_of(type_hint: str) -> str:
    """Return our word for a kind of account; the bank's own means a current account otherwise."""
    hint = type_hint.casefold()
    if "credit" in hint:
        return "CREDIT"
    if "sav" in hint or "pot" in hint:
        return "SAVINGS"
    return "INVESTMENT" if "invest" in hint else "CHECKING"


def last_four(account: BankAccount) -> str:
    """Return the last digits of an account's number, made up when the bank tells none."""
    told = "".join(each for each in account.last_four or "" if each.isascii() and each.isdigit())
    if len(told) >= DIGITS:
        return told[-DIGITS:]
    made_up = int(derived_id("last four", account.external_account_id)[-8:], 16)
    return f"{made_up % 10_000:04d}"


UNSAID = b"""
SELECT DISTINCT line.told ->> 'external_id'
FROM log.events CROSS JOIN LATERAL (
    SELECT convert_from(events.data, 'UTF8')::jsonb -> 'data' AS told
) AS line
WHERE events.stream_id = %(stream)s AND events.name = 'BankTransactionImported'
    AND line.told ->> 'account_id' = %(account)s
    AND line.told ->> 'occurred_at' > %(since)s
    AND NOT line.told ->> 'external_id' = ANY (%(told)s)
"""
