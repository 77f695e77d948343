"""Commands about the catalogue of banks."""

from ledger.commands.command import Command


class RegisterBank(Command, frozen=True, kw_only=True):
    bank_id: str
    name: str
    code: str
    country: str
    logo_url: str | None = None
    api_endpoint: str | None = None
    provider: str | None = None
    status: str = "ACTIVE"


class UpdateBank(Command, frozen=True, kw_only=True):
    """Change what is given; None takes an optional field away. Code and country never change."""

    bank_id: str
    changes: dict[str, str | None]


class AddBranch(Command, frozen=True, kw_only=True):
    bank_id: str
    branch_id: str
    name: str
    country: str
    iban: str | None = None
    swift_code: str | None = None
    routing_number: str | None = None
