"""Commands about accounts."""

from typing import TypeAlias

from msgspec import UNSET, UnsetType

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
    bank_connection_id: str | None = None
    external_account_id: str | None = None


class RenameAccount(Command, frozen=True, kw_only=True):
    """Give an account another name."""

    account_id: str
    account_name: PersonalText


class SetLimits(Command, frozen=True, kw_only=True):
    """Set what is given; None is the default again. Decimal text in the account's currency."""

    account_id: str
    daily_limit: str | UnsetType | None = UNSET
    single_limit: str | UnsetType | None = UNSET
    credit_limit: str | UnsetType = UNSET


class ChangeLimits(Command, frozen=True, kw_only=True):
    """Give an account these limits of its own, in minor units; None is the default of its type."""

    account_id: str
    daily_limit: int | None
    single_limit: int | None
    credit_limit: int


class FreezeAccount(Command, frozen=True, kw_only=True):
    """Stop everything that is done by command; what was promised is still kept."""

    account_id: str
    reason: str


class UnfreezeAccount(Command, frozen=True, kw_only=True):
    """Give an account back the state it had before it was frozen."""

    account_id: str
    reason: str


class DeactivateAccount(Command, frozen=True, kw_only=True):
    """Put an account to rest."""

    account_id: str


class ActivateAccount(Command, frozen=True, kw_only=True):
    """Wake an account that was put to rest."""

    account_id: str


class CloseAccount(Command, frozen=True, kw_only=True):
    """End an account that holds, promises and waits for nothing."""

    account_id: str


class LinkAccount(Command, frozen=True, kw_only=True):
    """Let an account mirror one at an outside bank."""

    account_id: str
    bank_connection_id: str
    external_account_id: str
    provider: str
    bank_code: str


class UnlinkAccount(Command, frozen=True, kw_only=True):
    """Let an account mirror nothing any more; what it holds stays."""

    account_id: str


class CloseAtBank(Command, frozen=True, kw_only=True):
    """Put an account to rest that its outside bank has closed."""

    account_id: str


class ImportEntry(Command, frozen=True, kw_only=True):
    """Mirror `amount` signed minor units that an outside bank has booked, whatever that leaves."""

    account_id: str
    posting_id: str
    entry_id: str
    amount: int


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


class CorrectAccount(Command, frozen=True, kw_only=True):
    """Undo one entry by `amount` signed minor units; limits do not apply to corrections.

    `uncounted` minor units of posting `undone_id` stop counting on the day of `now`.
    """

    account_id: str
    posting_id: str
    entry_id: str
    amount: int
    undone_id: str
    uncounted: int
    now: str


StateCommand: TypeAlias = (
    FreezeAccount | UnfreezeAccount | DeactivateAccount | ActivateAccount | CloseAccount
)
AccountCommand: TypeAlias = (
    OpenAccount
    | RenameAccount
    | ChangeLimits
    | StateCommand
    | PlaceHold
    | CaptureHold
    | ReleaseHold
    | DebitAccount
    | CreditAccount
    | CorrectAccount
    | LinkAccount
    | UnlinkAccount
    | CloseAtBank
    | ImportEntry
)
