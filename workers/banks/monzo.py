"""Monzo's adapter: the developer API as Monzo documents it. No PKCE, no payments.

Amounts come signed and in minor units. A line is pending until `settled` says when, and one with
a `decline_reason` never moved anything. Lines are paged by the id of the last one read.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from typing_extensions import override

from ledger.errors import Reason
from ledger.times import later, utc_text
from workers.banks.calls import Call, Calls, Objection
from workers.banks.lines import BEGINNING, CurrencyCode, Id, Minor, Moment, bearer, meant
from workers.banks.oauth import OAuthClient
from workers.banks.port import (
    Authorization,
    BankAccount,
    BankBalance,
    BankPort,
    BankTransaction,
    Capabilities,
    Grant,
    HistoryPage,
    PaymentOrder,
    Tokens,
)
from workers.banks.reader import Reader
from workers.breakers import bank_api
from workers.rails.rail import Answer, Standing, Withdrawal
from workers.retries import Failed

PROVIDER = "monzo"
LIMIT = 100
SHORTEST = timedelta(microseconds=1)
OPEN_HISTORY = timedelta(days=89)
"""Older lines are told for five minutes after the customer consented, and then no more."""
TOO_OLD = "forbidden.verification_required"
LINE_GONE = frozenset({400, 404})
NOTHING_PENDING = "*"


class ToldAccount(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    description: str
    type: str = "uk_retail"
    currency: CurrencyCode = "GBP"
    account_number: str = ""
    closed: bool = False


class ToldAccounts(msgspec.Struct, frozen=True):
    accounts: tuple[ToldAccount, ...]


class ToldBalance(msgspec.Struct, frozen=True):
    balance: Minor
    currency: CurrencyCode


class ToldLine(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    created: Moment
    amount: Minor
    currency: CurrencyCode
    description: str
    settled: str = ""
    decline_reason: str = ""

    def line(self) -> BankTransaction:
        """Return the same in the words of the port."""
        status = "posted" if self.settled else "pending"
        return BankTransaction(
            external_transaction_id=self.id,
            amount=self.amount,
            currency=self.currency,
            description=self.description,
            occurred_at=utc_text(self.created),
            status="declined" if self.decline_reason else status,  # type: ignore[arg-type]  # one of the three
        )


class ToldLines(msgspec.Struct, frozen=True):
    transactions: tuple[ToldLine, ...]


class Place(msgspec.Struct, frozen=True):
    """A place between two lines: the id of the one before, or nothing, and its time."""

    line_id: str
    moment: str

    @classmethod
    def read(cls, text: str) -> "Place":
        """Read a place as `print` wrote it."""
        line_id, _, moment = text.partition("@")
        return cls(line_id, moment)

    def print(self) -> str:
        """Return the place as text."""
        return f"{self.line_id}@{self.moment}" if self.moment else ""

    @property
    def since(self) -> str:
        """Return how Monzo is asked for what comes after."""
        return self.line_id or self.moment


class Monzo(BankPort):
    """Speaks to Monzo at `api_url`; `clock` tells when a balance was read.

    A cursor is the place before the oldest pending line, for that line will change; inside a run
    it is `begin~resume~at`: where the run began, where the next one has to, and where this one is.
    """

    provider = PROVIDER
    capabilities = Capabilities(
        pkce=False,
        payments=False,
        pending_transactions=True,
        webhooks=False,
        cursor="transaction_id",
    )

    def __init__(
        self, api_url: str, oauth: OAuthClient, clock: Callable[[], datetime], limit: int = LIMIT
    ) -> None:
        self.url, self.oauth, self.clock, self.limit = api_url.rstrip("/"), oauth, clock, limit
        self.calls = oauth.calls
        self.reader = Reader(self.calls, self.url, PROVIDER)

    @override
    def authorization_url(self, wish: Authorization) -> str:
        return self.oauth.authorization_url(wish, None, {})

    @override
    def exchange_code(self, grant: Grant) -> Tokens:
        return self.oauth.exchange(grant)

    @override
    def refresh(self, refresh_token: str) -> Tokens:
        return self.oauth.refresh(refresh_token)

    @override
    def revoke(self, token: str) -> None:
        call = Call[Any](
            operation="revoke",
            method="POST",
            url=f"{self.url}/oauth2/logout",
            shape=object,
            breaker=bank_api(PROVIDER),
            headers=bearer(token),
        )
        try:
            self.calls.ask(call)
        except Objection as objection:
            if objection.status != 401:  # noqa: PLR2004  # such a token allows nothing any more
                raise meant(objection) from None

    @override
    def accounts(self, access_token: str) -> tuple[BankAccount, ...]:
        try:
            told = self.reader.get(access_token, "accounts", ToldAccounts, {})
        except Objection as objection:
            raise meant(objection) from None
        return tuple(
            BankAccount(
                external_account_id=each.id,
                name=each.description,
                currency=each.currency,
                type_hint=each.type,
                last_four=each.account_number[-4:] or None,
                closed=each.closed,
            )
            for each in told.accounts
        )

    @override
    def balance(self, access_token: str, external_account_id: str) -> BankBalance:
        asked = {"account_id": external_account_id}
        try:
            told = self.reader.get(access_token, "balance", ToldBalance, asked)
        except Objection as objection:
            raise meant(objection) from None
        return BankBalance(
            amount=told.balance, currency=told.currency, as_of=utc_text(self.clock())
        )

    @override
    def transactions(
        self, access_token: str, external_account_id: str, cursor: str | None
    ) -> HistoryPage:
        try:
            return self.page(access_token, external_account_id, cursor or "")
        except Objection as objection:
            if objection.code != TOO_OLD:
                raise meant(objection) from None
        recent = Place("", utc_text(self.clock() - OPEN_HISTORY))
        try:
            return self.page(access_token, external_account_id, recent.print())
        except Objection as objection:
            raise meant(objection) from None

    def page(self, access_token: str, external_account_id: str, cursor: str) -> HistoryPage:
        """Read one page. Raises `Objection`."""
        parts = cursor.split("~")
        begin, at = Place.read(parts[0]), Place.read(parts[-1])
        resume = parts[1] if len(parts) > 1 else NOTHING_PENDING
        lines = self.lines(access_token, external_account_id, at)
        for line in lines:
            if line.status == "pending" and resume == NOTHING_PENDING:
                resume = before(line, at).print()
            at = Place(line.external_transaction_id, line.occurred_at)
        more = len(lines) == self.limit
        rest = at.print() if resume == NOTHING_PENDING else resume
        return HistoryPage(
            transactions=lines,
            next_cursor=f"{begin.print()}~{resume}~{at.print()}" if more else rest,
            more=more,
            complete_since=begin.moment or BEGINNING,
            resumed=len(parts) > 1,
        )

    def lines(
        self, access_token: str, external_account_id: str, at: Place
    ) -> tuple[BankTransaction, ...]:
        """Read the lines after a place; by its time when its line is gone. Raises `Objection`."""
        asked = {"account_id": external_account_id, "limit": str(self.limit)}
        asked |= {"since": at.since} if at.since else {}
        try:
            told = self.reader.get(access_token, "transactions", ToldLines, asked)
        except Objection as objection:
            if not at.line_id or objection.status not in LINE_GONE:
                raise
            asked["since"] = at.moment
            told = self.reader.get(access_token, "transactions", ToldLines, asked)
        return tuple(each.line() for each in told.transactions)

    @override
    def submit_payment(self, access_token: str, order: PaymentOrder) -> Answer:
        raise Failed(Reason.PAYMENT_PROVIDER_ERROR)

    @override
    def payment_status(self, access_token: str, payment_id: str) -> Standing:
        raise Failed(Reason.PAYMENT_PROVIDER_ERROR)

    @override
    def cancel_payment(self, access_token: str, payment_id: str) -> Withdrawal:
        raise Failed(Reason.PAYMENT_PROVIDER_ERROR)


def before(line: BankTransaction, at: Place) -> Place:
    """Return the place before a line: after the one read last, unless both are of one moment."""
    if at.moment < line.occurred_at:
        return at
    return Place("", later(line.occurred_at, -SHORTEST))


def monzo(
    urls: tuple[str, str], client: tuple[str, str], calls: Calls, clock: Callable[[], datetime]
) -> Monzo:
    """Return the adapter for the API and the authorization page at `urls`, for us as `client`."""
    api_url, authorize_url = urls
    oauth = OAuthClient(
        calls=calls,
        client_id=client[0],
        client_secret=client[1],
        authorize_url=f"{authorize_url.rstrip('/')}/",
        token_url=f"{api_url.rstrip('/')}/oauth2/token",
    )
    return Monzo(api_url, oauth, clock)
