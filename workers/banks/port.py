"""The port of outside banks: what can be asked of every provider, and what it can answer.

An adapter raises `Failed` with one of `TROUBLES` and nothing else:

    timeout                 no answer in time; a payment sent meanwhile may have been executed
    bank_api_error          an answer that says nothing: 5xx, not what was agreed, no connection
    payment_provider_error  the same, about a payment
    provider_rate_limited   asked to wait; `wait_ms` says how long
    consent_expired         the customer has to consent again
      └─ AccessRefused      the access token is not taken any more; one refresh may help
    circuit_breaker_open    nothing was asked: calls are paused

An outage is never an empty answer. Money is int minor units; times are RFC 3339 UTC text.
"""

from typing import Literal, Protocol

import msgspec
from typing_extensions import override

from ledger.errors import Reason
from workers.rails.rail import Answer, Standing, Withdrawal
from workers.retries import Failed


class AccessRefused(Failed):
    """Seen by whoever holds the tokens: refreshing them once may help, and nothing else."""

    def __init__(self) -> None:
        super().__init__(Reason.CONSENT_EXPIRED)


TROUBLES = frozenset(
    {
        Reason.TIMEOUT,
        Reason.BANK_API_ERROR,
        Reason.PAYMENT_PROVIDER_ERROR,
        Reason.PROVIDER_RATE_LIMITED,
        Reason.CONSENT_EXPIRED,
        Reason.CIRCUIT_BREAKER_OPEN,
    }
)
"""The only reasons for which a call to an outside bank fails."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider can do. `cursor` names what its places in a history are made of."""

    pkce: bool
    payments: bool
    pending_transactions: bool
    webhooks: bool
    cursor: Literal["transaction_id", "opaque", "time"]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider handed out; lives are seconds from the moment of the answer."""

    access_token: str
    expires_in_seconds: int
    refresh_token: str | None = None
    scope: str = ""
    external_user_id: str | None = None
    consent_expires_in_seconds: int | None = None

    @override
    def __repr__(self) -> str:
        return f"Tokens(***, expires_in_seconds={self.expires_in_seconds})"


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization URL says; a challenge (S256) is left out where PKCE is unknown.

    `user_name` is the customer's name at the bank, for those that let it be filled in.
    """

    redirect_uri: str
    state: str
    code_challenge: str | None = None
    user_name: str | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A code that came back, with all that proves it is ours to use."""

    code: str
    redirect_uri: str
    code_verifier: str | None = None

    @override
    def __repr__(self) -> str:
        return "Grant(***)"


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account as its bank tells it; `type_hint` is the bank's own word for its kind."""

    external_account_id: str
    name: str
    currency: str
    type_hint: str
    last_four: str | None = None
    closed: bool = False


class BankBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank says is booked on an account, in minor units."""

    amount: int
    currency: str
    as_of: str


class BankTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bank's history: `amount` is signed, out is negative.

    The same id told again replaces what was told before: a bank's lines may change.
    """

    external_transaction_id: str
    amount: int
    currency: str
    description: str
    occurred_at: str
    status: Literal["pending", "posted", "declined"]
    payment_id: str | None = None


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a history: take it, keep `next_cursor` with it, go on while there is `more`.

    Lines are new or have changed, and may be known already. `removed` names lines that the bank
    has taken back. `complete_since`, when a provider tells all its lines again each time, is the
    start of what the pages of this run tell completely: what is later, but not told on any of
    them, is gone. `resumed` pages stand in the middle of a run: the pages before them were read
    by somebody else.
    """

    transactions: tuple[BankTransaction, ...]
    next_cursor: str
    more: bool
    removed: tuple[str, ...] = ()
    complete_since: str | None = None
    resumed: bool = False


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A payment for the bank to make; `payment_id` is its key, executed at most once."""

    payment_id: str
    external_account_id: str
    amount: int
    currency: str
    direction: Literal["CREDIT", "DEBIT"]
    description: str
    reference: str | None = None


class BankPort(Protocol):
    """One kind of outside bank. Calls block; each is one attempt as banking.md §6 bounds it.

    The caller keeps the tokens and passes an access token that lives; nothing here remembers one.
    """

    @property
    def provider(self) -> str:
        """Return the name that the catalogue of banks knows this adapter by."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what this provider can do."""

    def authorization_url(self, wish: Authorization) -> str:
        """Return where to send the customer; asks nobody."""

    def exchange_code(self, grant: Grant) -> Tokens:
        """Turn a code into tokens; a refused code is `bank_api_error`."""

    def refresh(self, refresh_token: str) -> Tokens:
        """Turn a refresh token into new tokens; a refused one is `consent_expired`."""

    def revoke(self, token: str) -> None:
        """End what a token allows; one that is unknown already is no failure."""

    def accounts(self, access_token: str) -> tuple[BankAccount, ...]:
        """Return all accounts the consent covers."""

    def balance(self, access_token: str, external_account_id: str) -> BankBalance:
        """Return the booked balance."""

    def transactions(
        self, access_token: str, external_account_id: str, cursor: str | None
    ) -> HistoryPage:
        """Return what is new after `cursor`, or from the beginning; cursors are opaque text."""

    def submit_payment(self, access_token: str, order: PaymentOrder) -> Answer:
        """Ask for money to be moved, once; safe to repeat, for the payment id is the key."""

    def payment_status(self, access_token: str, payment_id: str) -> Standing:
        """Ask what became of a payment."""

    def cancel_payment(self, access_token: str, payment_id: str) -> Withdrawal:
        """Ask for a payment never to be executed; answers its state when it is too late."""
