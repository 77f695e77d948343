"""Demo people, their banks, and what they have there (config.md §6): the same in every demo.

Accounts, histories and consents are those that the sandbox bank holds from its beginning, so that
a first sync finds nothing new and nothing amiss.
"""

import msgspec

from ledger.commands.bank import AddBranch, RegisterBank
from ledger.identity import derived_id
from ops.sandbox_bank.books import Account
from ops.sandbox_bank.initial import HISTORY, Told
from workers.bank_reading import mirror_id
from workers.banks.sandbox import PROVIDER


class Person(msgspec.Struct, frozen=True):
    """Somebody who can sign in to the demo."""

    email: str
    full_name: str
    role: str
    password: str

    @property
    def user_id(self) -> str:
        """Return the id that this person has in every demo."""
        return derived_id("demo", "user", self.email)


class DemoAccount(msgspec.Struct, frozen=True):
    """One account, the bank's own of which it is the mirror, and all that has happened there.

    `payment_type` is that of the one line that is a payment of its owner.
    """

    owner: Person
    branch: AddBranch
    mirrored: Account
    lines: tuple[Told, ...]
    payment_type: str

    @property
    def name(self) -> str:
        """Return what the account is called on both sides."""
        return self.mirrored.name

    @property
    def connection_id(self) -> str:
        """Return the id that the owner's connection has in every demo."""
        return derived_id("demo", "connection", self.name)

    @property
    def account_id(self) -> str:
        """Return the id that a sync gives this account too."""
        return mirror_id(PROVIDER, self.mirrored.id, self.owner.user_id)

    @property
    def earlier_id(self) -> str:
        """Return the id of the account that demos had before they had connections."""
        return derived_id("demo", "account", self.name)


class DemoBank(msgspec.Struct, frozen=True):
    """One bank of the catalogue with its branch."""

    bank: RegisterBank
    branch: AddBranch


ALICE = Person("alice@example.com", "Alice Example", "user", "password123!")
BOB = Person("bob@example.com", "Bob Example", "user", "password123!")
ADMIN = Person("admin@example.com", "Admin User", "admin", "admin123!")
SUPPORT = Person("support@example.com", "Support Agent", "support", "support123!")
AUDITOR = Person("auditor@example.com", "Auditor", "auditor", "auditor123!")
PEOPLE = (ALICE, BOB, ADMIN, SUPPORT, AUDITOR)

US_BANK = derived_id("demo", "bank", "DEMO_BANK_US")
UK_BANK = derived_id("demo", "bank", "TEST_BANK_UK")
BANKS = (
    DemoBank(
        RegisterBank(
            bank_id=US_BANK,
            name="Demo Bank",
            code="DEMO_BANK_US",
            country="US",
            logo_url="https://logo1.png",
            api_endpoint="https://api.demobank.com",
            provider="sandbox",
        ),
        AddBranch(
            bank_id=US_BANK,
            branch_id=derived_id("demo", "branch", "Main Branch"),
            name="Main Branch",
            country="US",
            iban="US1234567890",
            swift_code="DEMOUS33XXX",
            routing_number="111000025",
        ),
    ),
    DemoBank(
        RegisterBank(
            bank_id=UK_BANK,
            name="Test Bank",
            code="TEST_BANK_UK",
            country="UK",
            logo_url="https://logo2.png",
            api_endpoint="https://api.testbank.com",
            provider="sandbox",
        ),
        AddBranch(
            bank_id=UK_BANK,
            branch_id=derived_id("demo", "branch", "London Branch"),
            name="London Branch",
            country="UK",
            iban="GB9876543210",
            swift_code="TESTGB2LXXX",
            routing_number="222000111",
        ),
    ),
)

ACCOUNTS = tuple(
    DemoAccount(owner, bank.branch, mirrored, lines, payment_type)
    for (mirrored, lines), owner, bank, payment_type in zip(
        HISTORY, (ALICE, BOB), BANKS, ("WITHDRAWAL", "DEPOSIT"), strict=True
    )
)
