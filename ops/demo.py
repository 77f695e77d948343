"""Demo people, banks and money, made by ordinary commands; a second run changes nothing.

The content is that of config.md §6. Until accounts are linked to the sandbox bank, what would be
imported from it is booked as payments on the house's own rail.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from api.passwords import Passwords
from ledger.application import Ledger
from ledger.commands.account import OpenAccount
from ledger.commands.bank import AddBranch, RegisterBank
from ledger.commands.command import Command, Context
from ledger.commands.payment import (
    CompletePayment,
    CreatePayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM, Actor
from ledger.identity import derived_id
from schema.principals import email_claim


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
    """One account and everything that happened on it; the opening balance in minor units."""

    owner: Person
    name: str
    currency: str
    account_type: str
    last_four: str
    opening_balance: int
    payments: tuple[tuple[str, str, str, str], ...]

    @property
    def account_id(self) -> str:
        """Return the id that this account has in every demo."""
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

ACCOUNTS = (
    DemoAccount(
        ALICE, "Alice Checking", "USD", "CHECKING", "1234", 144550,
        (
            ("DEBIT", "WITHDRAWAL", "100.00", "Grocery Shopping"),
            ("DEBIT", "PAYMENT", "45.50", "Restaurant"),
            ("CREDIT", "DEPOSIT", "200.00", "Refund"),
        ),
    ),
    DemoAccount(
        BOB, "Bob Savings", "GBP", "SAVINGS", "5678", 86000,
        (
            ("CREDIT", "DEPOSIT", "500.00", "Salary Deposit"),
            ("DEBIT", "PAYMENT", "60.00", "Online Shopping"),
            ("CREDIT", "DEPOSIT", "1200.00", "Bonus"),
        ),
    ),
)  # fmt: skip

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

Handle = Callable[[Command, Actor], Awaitable[Any]]


class Seeding:
    """One run over the demo data. `steps` hears of every record that was made."""

    def __init__(self, ledger: Ledger, passwords: Passwords, index_key: bytes) -> None:
        self.ledger, self.passwords, self.index_key = ledger, passwords, index_key
        self.made = 0

    async def run(self) -> int:
        """Make what is missing; return how many commands that took."""
        for person in PEOPLE:
            await self.person(person)
        for each in BANKS:
            if await self.is_new(f"bank-{each.bank.bank_id}"):
                await self.handle(each.bank)
                await self.handle(each.branch)
        for account in ACCOUNTS:
            await self.account(account)
        return self.made

    async def handle(self, command: Command, actor: Actor = SYSTEM) -> None:
        """Carry out one command as `actor`."""
        context = Context(actor=actor, correlation_id="demo")
        await self.ledger.handle(command, context)
        self.made += 1

    async def is_new(self, stream_id: str) -> bool:
        """Say whether nothing has happened to a stream."""
        return (await self.ledger.current(stream_id)).version == 0

    async def person(self, person: Person) -> None:
        """Let one person join."""
        if not await self.is_new(f"user-{person.user_id}"):
            return
        command = RegisterUser(
            user_id=person.user_id,
            email=Private(person.email, person.user_id),
            email_claim=email_claim(self.index_key, person.email),
            full_name=Private(person.full_name, person.user_id),
            role=person.role,
            origin="demo",
            password_hash=await self.passwords.hashed(person.password),
            data_key_id=derived_id("demo", "data-key", person.email),
        )
        await self.handle(command)

    async def account(self, account: DemoAccount) -> None:
        """Open one account, and let everything happen on it in order."""
        owner = account.owner.user_id
        if await self.is_new(f"account-{account.account_id}"):
            command = OpenAccount(
                account_id=account.account_id,
                user_id=owner,
                currency=account.currency,
                account_type=account.account_type,
                account_name=Private(account.name, owner),
                last_four=account.last_four,
                opening_balance=account.opening_balance,
                opening_posting_id=derived_id("demo", "opening", account.name),
            )
            await self.handle(command, actor_of(ADMIN))
        for direction, payment_type, amount, text in account.payments:
            create = CreatePayment(
                payment_id=derived_id("demo", "payment", account.name, text),
                user_bank_account_id=account.account_id,
                amount=amount,
                currency=account.currency,
                direction=direction,
                payment_type=payment_type,
                description=Private(text, owner),
            )
            await self.payment(create, actor_of(account.owner))

    async def payment(self, create: CreatePayment, owner: Actor) -> None:
        """Bring one payment to its end, from wherever an earlier run left it."""
        payment_id, stream = create.payment_id, f"payment-{create.payment_id}"
        if await self.is_new(stream):
            await self.handle(create, owner)
        starter = actor_of(ADMIN) if create.direction == "CREDIT" else owner
        steps: dict[str, tuple[tuple[Command, Actor], ...]] = {
            "PENDING": ((ProcessPayment(payment_id=payment_id), starter),),
            "PROCESSING": (
                (RecordSubmission(payment_id=payment_id, rail_reference=None, attempt=1), SYSTEM),
                (
                    CompletePayment(
                        payment_id=payment_id, posting_id=derived_id("posting", payment_id)
                    ),
                    SYSTEM,
                ),
            ),
        }
        for status in ("PENDING", "PROCESSING"):
            state = (await self.ledger.current(stream)).state
            if state.__struct_config__.tag == status:
                for command, actor in steps[status]:
                    await self.handle(command, actor)


def actor_of(person: Person) -> Actor:
    """Return a demo person as the one who asks."""
    return Actor(type="user", id=person.user_id, role=person.role)
