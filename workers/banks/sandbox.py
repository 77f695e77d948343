"""The sandbox bank's adapter: its interface of banking.md §7.1, and its dialect of windows.

The dialect is told by the address: `…/windows` lists lines by time, anything else follows changes
by a cursor.
"""

from datetime import timedelta
from urllib.parse import quote

from typing_extensions import override

from ledger.errors import Reason
from ledger.times import later, utc_text
from workers.banks.calls import Call, Calls, Objection
from workers.banks.lines import (
    BEGINNING,
    bearer,
    meant,
)
from workers.banks.oauth import OAuthClient
from workers.banks.port import (
    Authorization,
    BankAccount,
    BankBalance,
    BankPort,
    Capabilities,
    Grant,
    HistoryPage,
    PaymentOrder,
    Tokens,
)
from workers.banks.reader import Reader
from workers.banks.sandbox_shapes import (
    ToldAccounts,
    ToldBalance,
    ToldChanges,
    ToldPayment,
    ToldWindow,
    told_order,
)
from workers.breakers import bank_api, payment_processor
from workers.rails.rail import (
    Answer,
    Declined,
    Standing,
    Unknown,
    Withdrawal,
    Withdrawn,
)
from workers.retries import Failed

PROVIDER = "sandbox"
SCOPE = "read write"
WINDOWS = "/windows"
LIMIT = 100
RESTARTS = 3
OVERLAP = timedelta(days=10)
"""How far back lines are read again, because they may have changed since."""
SHORTEST = timedelta(microseconds=1)
NOT_FOUND, CONFLICT = 404, 409
LOST_PLACE = frozenset({"invalid_cursor", "mutation_during_paging"})


class SandboxBank(BankPort):
    """Speaks to a sandbox bank at `url`, following changes by cursor."""

    provider = PROVIDER
    capabilities = Capabilities(
        pkce=True, payments=True, pending_transactions=True, webhooks=True, cursor="opaque"
    )

    def __init__(
        self, url: str, client_id: str, client_secret: str, calls: Calls, limit: int = LIMIT
    ) -> None:
        self.url, self.calls, self.limit = url.rstrip("/"), calls, limit
        self.reader = Reader(calls, self.url, PROVIDER)
        root = self.url.removesuffix(WINDOWS)
        self.revoke_url = f"{root}/oauth2/revoke"
        self.oauth = OAuthClient(
            calls=calls,
            client_id=client_id,
            client_secret=client_secret,
            authorize_url=f"{root}/oauth/authorize",
            token_url=f"{root}/oauth2/token",
        )

    @override
    def authorization_url(self, wish: Authorization) -> str:
        assert wish.code_challenge is not None, "this bank asks for PKCE"
        extra = {"code_challenge": wish.code_challenge, "code_challenge_method": "S256"}
        hint = {} if wish.user_name is None else {"login_hint": wish.user_name}
        return self.oauth.authorization_url(wish, SCOPE, {**extra, **hint})

    @override
    def exchange_code(self, grant: Grant) -> Tokens:
        return self.oauth.exchange(grant)

    @override
    def refresh(self, refresh_token: str) -> Tokens:
        return self.oauth.refresh(refresh_token)

    @override
    def revoke(self, token: str) -> None:
        self.oauth.revoke(self.revoke_url, token)

    @override
    def accounts(self, access_token: str) -> tuple[BankAccount, ...]:
        try:
            told = self.reader.get(access_token, "accounts", ToldAccounts, {})
        except Objection as objection:
            raise meant(objection) from None
        return tuple(
            BankAccount(
                external_account_id=each.id,
                name=each.name,
                currency=each.currency,
                type_hint=each.type,
                last_four=each.last_four,
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
        return BankBalance(amount=told.balance, currency=told.currency, as_of=utc_text(told.as_of))

    @override
    def transactions(
        self, access_token: str, external_account_id: str, cursor: str | None
    ) -> HistoryPage:
        place = cursor or ""
        for _ in range(RESTARTS):
            try:
                return self.page(access_token, external_account_id, place)
            except Objection as objection:
                if objection.code not in LOST_PLACE:
                    raise meant(objection) from None
                place = self.restarted(place, objection.code)
        raise Failed(Reason.BANK_API_ERROR)

    def restarted(self, place: str, code: str) -> str:
        """Return where to go on once a place was lost: where the run began, or at the beginning.

        Reading lines again is harmless, losing some is not.
        """
        start, between, _ = place.partition("~")
        return start if between or code == "mutation_during_paging" else ""

    def page(self, access_token: str, external_account_id: str, place: str) -> HistoryPage:
        """Read a page of changes. A place is `start~at` inside a run, and `at` between runs."""
        start, inside, at = place.rpartition("~")
        start = start if inside else at
        asked = {"account_id": external_account_id, "cursor": at, "limit": str(self.limit)}
        told = self.reader.get(access_token, "transactions", ToldChanges, asked)
        return HistoryPage(
            transactions=tuple(each.line() for each in told.transactions),
            removed=told.removed,
            next_cursor=f"{start}~{told.next_cursor}" if told.has_more else told.next_cursor,
            more=told.has_more,
        )

    @override
    def submit_payment(self, access_token: str, order: PaymentOrder) -> Answer:
        call = Call(
            operation="submit_payment",
            method="POST",
            url=f"{self.url}/payments",
            shape=ToldPayment,
            breaker=payment_processor(PROVIDER),
            headers={**bearer(access_token), "Idempotency-Key": order.payment_id},
            json=told_order(order),
            trouble=Reason.PAYMENT_PROVIDER_ERROR,
        )
        try:
            return self.calls.ask(call).answer()
        except Objection as objection:
            if objection.status in {401, 403}:
                raise meant(objection) from None
            return Declined(objection.code or None)

    def about_payment(self, access_token: str, method: str, payment_id: str) -> ToldPayment:
        """Ask about a payment that may have been sent. Raises `Objection`.

        Not under the breaker of submissions: when those fail, this is how the truth is found.
        """
        call = Call(
            operation="payment_status" if method == "GET" else "cancel_payment",
            method=method,
            url=f"{self.url}/payments/{quote(payment_id, safe='')}",
            shape=ToldPayment,
            breaker=bank_api(PROVIDER),
            headers=bearer(access_token),
            trouble=Reason.PAYMENT_PROVIDER_ERROR,
        )
        return self.calls.ask(call)

    @override
    def payment_status(self, access_token: str, payment_id: str) -> Standing:
        try:
            return self.about_payment(access_token, "GET", payment_id).answer()
        except Objection as objection:
            if objection.status == NOT_FOUND:
                return Unknown()
            raise meant(objection, Reason.PAYMENT_PROVIDER_ERROR) from None

    @override
    def cancel_payment(self, access_token: str, payment_id: str) -> Withdrawal:
        try:
            told = self.about_payment(access_token, "DELETE", payment_id)
        except Objection as objection:
            if objection.status != CONFLICT:
                raise meant(objection, Reason.PAYMENT_PROVIDER_ERROR) from None
            standing = self.payment_status(access_token, payment_id)
            if isinstance(standing, Unknown):
                raise Failed(Reason.PAYMENT_PROVIDER_ERROR) from None
            return standing
        return Withdrawn() if told.status == "cancelled" else told.answer()


class SandboxWindows(SandboxBank):
    """Speaks to a sandbox bank that lists lines by time; what was read may have changed since.

    A place is `since` between runs, and `since~at~oldest~latest` inside one: the id of the last
    line read, the time of the oldest pending line met, and of the latest line of all.
    """

    capabilities = Capabilities(
        pkce=True, payments=True, pending_transactions=True, webhooks=True, cursor="time"
    )

    @override
    def page(self, access_token: str, external_account_id: str, place: str) -> HistoryPage:
        since, at, oldest, latest = [*place.split("~"), "", "", ""][:4]
        asked = {"account_id": external_account_id, "limit": str(self.limit)}
        asked |= {"since": at or since} if at or since else {}
        told = self.reader.get(access_token, "transactions", ToldWindow, asked)
        lines = tuple(each.line() for each in told.transactions)
        pending = [each.occurred_at for each in lines if each.status == "pending"]
        oldest = min([*pending, *([oldest] if oldest else [])], default="")
        latest = max([*(each.occurred_at for each in lines), latest])
        more = len(lines) == self.limit
        return HistoryPage(
            transactions=lines,
            next_cursor=(
                f"{since}~{lines[-1].external_transaction_id}~{oldest}~{latest}"
                if more
                else next_since(since, oldest, latest)
            ),
            more=more,
            complete_since=later(since, -SHORTEST) if since else BEGINNING,
            resumed=bool(at),
        )


def next_since(since: str, oldest: str, latest: str) -> str:
    """Return from when the next run has to read: as far back as lines may still change."""
    if not latest:
        return since
    overlapping = later(latest, -OVERLAP)
    return min(oldest, overlapping) if oldest else overlapping


def sandbox_bank(url: str, client_id: str, client_secret: str, calls: Calls) -> SandboxBank:
    """Return the adapter for the dialect that the address stands for."""
    kind = SandboxWindows if url.rstrip("/").endswith(WINDOWS) else SandboxBank
    return kind(url, client_id, client_secret, calls)
