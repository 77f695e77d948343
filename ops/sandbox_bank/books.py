"""The books of the sandbox bank: everything it knows, as one document that can be kept in a file.

Amounts are int minor units, moments are Unix milliseconds.
"""

from pathlib import Path
from typing import Any

import msgspec

DAY_SECONDS = 86_400


class Account(msgspec.Struct, kw_only=True):
    """An account; `drift` is what the bank reports beyond the sum of its lines."""

    id: str
    username: str
    name: str
    currency: str
    type: str = "CHECKING"
    last_four: str = "0000"
    closed: bool = False
    opening: int = 0
    drift: int = 0


class Line(msgspec.Struct, kw_only=True):
    """A line of an account's history; `appeared` and `changed` count changes at the whole bank."""

    id: str
    account_id: str
    amount: int
    currency: str
    description: str
    occurred_at: int
    status: str = "posted"
    appeared: int = 0
    changed: int = 0
    payment_id: str | None = None
    removed: bool = False


class Payment(msgspec.Struct, kw_only=True):
    """A payment we were asked to make; `due_at` is when a deferred one settles by itself."""

    id: str
    payment_id: str
    status: str
    account_id: str = ""
    amount: int = 0
    currency: str = ""
    direction: str = ""
    description: str = ""
    reference: str | None = None
    decline_reason: str | None = None
    transaction_id: str | None = None
    due_at: int | None = None


class Consent(msgspec.Struct, kw_only=True):
    """What a customer allowed; `account_ids` is null for all accounts of `username`."""

    id: str
    username: str
    scope: str
    given_at: int
    expires_at: int
    account_ids: list[str] | None = None
    revoked: bool = False


class Code(msgspec.Struct, kw_only=True):
    """An authorization code, kept under its hash."""

    consent_id: str
    redirect_uri: str
    challenge: str
    expires_at: int
    used: bool = False


class Token(msgspec.Struct, kw_only=True):
    """An access or refresh token, kept under its hash; `ended_at` is when it was replaced.

    A `lasting` refresh token never is: it can be used again and again.
    """

    consent_id: str
    expires_at: int
    ended_at: int | None = None
    lasting: bool = False


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the bank behaves when nothing is wrong."""

    settlement: str = "instant"
    settle_after_ms: int = 0
    token_ttl_s: int = 3_600
    consent_ttl_s: int = 90 * DAY_SECONDS
    webhook_url: str | None = None
    webhook_secret: str | None = None
    rate_limit_per_minute: int = 0
    refresh_grace_s: int = 0
    single_access_token: bool = False
    full_history_s: int = 0
    history_days: int = 90


class Match(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which calls a fault meets; `path` may hold `*`."""

    method: str | None = None
    path: str | None = None


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Something that goes wrong the next `times` times (0 = for ever), now and then or always."""

    kind: str
    id: str = ""
    match: Match = msgspec.field(default_factory=Match)
    times: int = 1
    probability: float = 1.0
    status: int = 503
    retry_after_s: int | None = None
    delay_ms: int = 0
    execute: bool = False
    reason: str = "declined"
    met: int = 0


class Books(msgspec.Struct, kw_only=True):
    """The whole bank. `changes` numbers changes of lines, `drawn` counts what chance gave."""

    accounts: dict[str, Account] = {}
    lines: dict[str, Line] = {}
    payments: dict[str, Payment] = {}
    keys: dict[str, str] = {}
    consents: dict[str, Consent] = {}
    codes: dict[str, Code] = {}
    access: dict[str, Token] = {}
    refresh: dict[str, Token] = {}
    settings: Settings = msgspec.field(default_factory=Settings)
    faults: dict[str, Fault] = {}
    changes: int = 0
    drawn: int = 0
    clock_offset_ms: int = 0
    stopped_at: int | None = None

    def lines_of(self, account_id: str) -> list[Line]:
        """Return the lines of an account that are there, oldest first."""
        here = (
            line
            for line in self.lines.values()
            if line.account_id == account_id and not line.removed
        )
        return sorted(here, key=lambda line: (line.occurred_at, line.appeared))

    def booked(self, account_id: str) -> int:
        """Return what the lines of an account add up to."""
        account = self.accounts[account_id]
        posted = (line.amount for line in self.lines_of(account_id) if line.status == "posted")
        return account.opening + sum(posted)

    def of_consent(self, consent: Consent) -> list[Account]:
        """Return the accounts a consent covers, in the order they were opened."""
        return [
            account
            for account in self.accounts.values()
            if account.username == consent.username
            and (consent.account_ids is None or account.id in consent.account_ids)
        ]


class Kept(msgspec.Struct, kw_only=True):
    """What a file holds: the data a reset goes back to, and the books as they were left."""

    initial: Books
    books: Books | None = None


def read_kept(path: Path) -> Kept:
    """Read what was kept in a file; lines that somebody wrote by hand are numbered."""
    kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    for line in kept.initial.lines.values():
        if line.changed == 0:
            kept.initial.changes += 1
            line.appeared = line.changed = kept.initial.changes
    return kept


def keep(kept: Kept, path: Path) -> None:
    """Write a file, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(msgspec.json.encode(kept))
    beside.replace(path)


def copied(books: Books) -> Books:
    """Return books that can be changed without changing these."""
    return msgspec.json.decode(msgspec.json.encode(books), type=Books)


def shown(value: Any) -> Any:
    """Return a record as plain data for JSON."""
    return msgspec.to_builtins(value)
