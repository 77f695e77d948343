"""What can have happened to a bank of the catalogue and its branches."""

from typing import ClassVar, TypeAlias

from ledger.events.event import Event


class BankRegistered(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "BankRegistered"
    name: str
    code: str
    country: str
    logo_url: str | None = None
    api_endpoint: str | None = None
    provider: str | None = None
    status: str


class BankUpdated(Event, frozen=True, kw_only=True):
    """`changes`: the new values by field, None where there is none any more."""

    stored_as: ClassVar[str] = "BankUpdated"
    changes: dict[str, str | None]


class BranchAdded(Event, frozen=True, kw_only=True):
    stored_as: ClassVar[str] = "BranchAdded"
    branch_id: str
    name: str
    country: str
    iban: str | None = None
    swift_code: str | None = None
    routing_number: str | None = None


BankEvent: TypeAlias = BankRegistered | BankUpdated | BranchAdded
