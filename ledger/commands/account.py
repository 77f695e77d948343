"""Commands about accounts."""

from typing import TypeAlias

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class OpenAccount(Command, frozen=True, kw_only=True):
    """`opening_balance` and `credit_limit` are minor units; both are for admins (policy)."""

    account_id: str
    user_id: str
    currency: str
    account_type: str
    account_name: PersonalText
    last_four: str
    credit_limit: int = 0
    opening_balance: int = 0
    opening_posting_id: str


class FreezeAccount(Command, frozen=True, kw_only=True):
    """Stop everything that is done by command; what was promised is still kept."""

    account_id: str
    reason: str


class CloseAccount(Command, frozen=True, kw_only=True):
    """End an account that holds, promises and waits for nothing."""

    account_id: str


class PlaceHold(Command, frozen=True, kw_only=True):
    """Promise `amount` minor units; `counted` says whether the day's limit counts it."""

    account_id: str
    hold_id: str
    amount: int
    purpose: str
    placed_by: str
    payment_id: str | None = None
    destination_account_id: str | None = None
    description: PersonalText | None = None
    reference: PersonalText | None = None
    expires_at: str | None = None
    single_limit: int | None
    daily_limit: int | None
    now: str


class CaptureHold(Command, frozen=True, kw_only=True):
    """Turn `amount` of a hold into a debit of `posting_id`; the rest is released when `final`."""

    account_id: str
    hold_id: str
    amount: int
    posting_id: str
    entry_id: str
    final: bool = True


class ReleaseHold(Command, frozen=True, kw_only=True):
    """Give a hold back; what it counted against the day's limit no longer counts."""

    account_id: str
    hold_id: str
    cause: str


class DebitAccount(Command, frozen=True, kw_only=True):
    """Take `amount` minor units for one posting; a None limit is one that does not apply."""

    account_id: str
    posting_id: str
    entry_id: str
    amount: int
    single_limit: int | None
    daily_limit: int | None
    now: str


class CreditAccount(Command, frozen=True, kw_only=True):
    """Add `amount` minor units for one posting."""

    account_id: str
    posting_id: str
    entry_id: str
    amount: int


AccountCommand: TypeAlias = (
    OpenAccount | PlaceHold | CaptureHold | ReleaseHold | DebitAccount | CreditAccount
)
