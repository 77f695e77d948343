"""What can have happened to one customer account. Amounts are int minor units of its currency."""

from typing import ClassVar, TypeAlias

import msgspec

from ledger.events.event import Event, Sealed


class AccountOpened(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountOpened"
    user_id: str
    currency: str
    account_type: str
    account_name: Sealed
    last_four: str
    credit_limit: int
    bank_connection_id: str | None = None
    external_account_id: str | None = None


class AccountRenamed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountRenamed"
    account_name: Sealed


class AccountLimitsChanged(Event, frozen=True, kw_only=True):
    """The account's own limits from now on; None is the default of its type."""

    stored_as: ClassVar[str] = "AccountLimitsChanged"
    daily_limit: int | None
    single_limit: int | None


class AccountCreditLimitChanged(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountCreditLimitChanged"
    before: int = msgspec.field(name="from")
    to: int


class AccountFrozen(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountFrozen"
    reason: str
    previous_status: str


class AccountUnfrozen(Event, frozen=True, kw_only=True):
    """`status` is the one it had before it was frozen."""

    stored_as: ClassVar[str] = "AccountUnfrozen"
    reason: str
    status: str


class AccountDeactivated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountDeactivated"


class AccountActivated(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountActivated"


class AccountClosed(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountClosed"


class AccountLinked(Event, frozen=True, kw_only=True):
    """It mirrors an account at an outside bank from now on; `bank_code` names its clearing."""

    stored_as: ClassVar[str] = "AccountLinked"
    bank_connection_id: str
    external_account_id: str
    provider: str
    bank_code: str


class AccountUnlinked(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountUnlinked"


class AccountClosedAtBank(Event, frozen=True, kw_only=True):
    """The outside bank has closed it; here it is put to rest with what it holds."""

    stored_as: ClassVar[str] = "AccountClosedAtBank"


class HoldPlaced(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "HoldPlaced"
    hold_id: str
    amount: int
    purpose: str
    placed_by: str
    payment_id: str | None
    destination_account_id: str | None
    description: Sealed | None
    reference: Sealed | None
    expires_at: str | None
    day: str


class HoldCaptured(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "HoldCaptured"
    hold_id: str
    amount: int
    posting_id: str
    final: bool


class HoldReleased(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "HoldReleased"
    hold_id: str
    amount: int
    cause: str


class HoldExpired(Event, frozen=True, kw_only=True):
    """The time of a hold was over; `amount` is what was left of it."""

    stored_as: ClassVar[str] = "HoldExpired"
    hold_id: str
    amount: int


class AccountDebited(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountDebited"
    posting_id: str
    entry_id: str
    amount: int
    balance_after: int


class AccountCredited(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "AccountCredited"
    posting_id: str
    entry_id: str
    amount: int
    balance_after: int


class DailyUsageChanged(Event, frozen=True, kw_only=True):
    """`cause` is the id of the hold or posting that counts, or no longer counts, on `day`."""

    stored_as: ClassVar[str] = "DailyUsageChanged"
    day: str
    delta: int
    cause: str


AccountEvent: TypeAlias = (
    AccountOpened
    | AccountRenamed
    | AccountLimitsChanged
    | AccountCreditLimitChanged
    | AccountFrozen
    | AccountUnfrozen
    | AccountDeactivated
    | AccountActivated
    | AccountClosed
    | AccountLinked
    | AccountUnlinked
    | AccountClosedAtBank
    | HoldPlaced
    | HoldCaptured
    | HoldReleased
    | HoldExpired
    | AccountDebited
    | AccountCredited
    | DailyUsageChanged
)
