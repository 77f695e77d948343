"""Commands about the holds of clients (ledger.md §5.3)."""

from ledger.commands.command import Command
from ledger.events.event import PersonalText


class PlaceClientHold(Command, frozen=True, kw_only=True):
    """Promise `amount`, decimal text of the account's currency, for so many seconds."""

    hold_id: str
    account_id: str
    amount: str
    currency: str | None
    description: PersonalText
    reference: PersonalText | None = None
    destination_account_id: str | None = None
    expires_in_seconds: int


class CaptureClientHold(Command, frozen=True, kw_only=True):
    """Book `amount` (None: all that remains) of a hold; `final` releases the rest.

    The money goes to `destination_account_id`, or where the hold says.
    """

    hold_id: str
    posting_id: str
    amount: str | None = None
    destination_account_id: str | None = None
    final: bool = True


class ReleaseClientHold(Command, frozen=True, kw_only=True):
    """Give a hold back."""

    hold_id: str
    cause: str = "caller"


class ExpireHolds(Command, frozen=True, kw_only=True):
    """Record the end of those holds of an account whose time is over."""

    account_id: str
