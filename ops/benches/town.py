"""A town to measure in: people with funded accounts, made by ordinary commands."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from secrets import token_hex

import msgspec

from ledger.application import Ledger
from ledger.commands.account import OpenAccount
from ledger.commands.asked import Asked, Outcome
from ledger.commands.command import Command, Context
from ledger.commands.transfer import MakeTransfer
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM, Actor
from ledger.identity import new_id
from ops.benches.draw import Draw
from schema.principals import email_claim

FUNDS = 10**12
AT_ONCE = 256
CENT = "0.01"


class Owner(msgspec.Struct, frozen=True):
    """Somebody with accounts."""

    user_id: str
    email: str
    accounts: tuple[str, ...]

    @property
    def context(self) -> Context:
        """Return who asks when this person does, in a story of its own."""
        actor = Actor(type="user", id=self.user_id, role="user")
        return Context(actor=actor, correlation_id=f"req_{token_hex(16)}")


class Town:
    """Lets people move in. `password_hash` is everybody's."""

    def __init__(self, ledger: Ledger, index_key: bytes, password_hash: str) -> None:
        self.ledger, self.index_key, self.password_hash = ledger, index_key, password_hash

    async def people(self, number: int, accounts_each: int) -> tuple[Owner, ...]:
        """Let `number` people join, and open funded accounts for them."""
        owners = tuple(newcomer(accounts_each) for _ in range(number))
        await every(self.register(owner) for owner in owners)
        await every(self.open(owner, each) for owner in owners for each in owner.accounts)
        return owners

    async def register(self, owner: Owner) -> None:
        """Let one person join."""
        await self.ask(
            RegisterUser(
                user_id=owner.user_id,
                email=Private(owner.email, owner.user_id),
                email_claim=email_claim(self.index_key, owner.email),
                full_name=Private("Somebody of the Town", owner.user_id),
                password_hash=self.password_hash,
                data_key_id=new_id(),
            )
        )

    async def open(self, owner: Owner, account_id: str) -> None:
        """Open one account with funds."""
        await self.ask(
            OpenAccount(
                account_id=account_id,
                user_id=owner.user_id,
                currency="USD",
                account_type="CHECKING",
                account_name=Private("Everyday", owner.user_id),
                last_four="1234",
                opening_balance=FUNDS,
                opening_posting_id=new_id(),
            )
        )

    async def ask(self, command: Command) -> None:
        """Carry out one command of the house itself."""
        await self.ledger.handle(command, Context(actor=SYSTEM, correlation_id="bench"))


def newcomer(accounts: int) -> Owner:
    """Return somebody nobody knows yet."""
    user_id = new_id()
    return Owner(user_id, f"{user_id}@example.com", tuple(new_id() for _ in range(accounts)))


async def every(work: Iterable[Awaitable[None]]) -> None:
    """Do everything, many at once but never all."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with free:
            await each

    await asyncio.gather(*map(one, work))


def own_transfer(owner: Owner, draw: Draw) -> MakeTransfer:
    """Return the wish to move a cent between two accounts of one person."""
    source, destination = draw.two(owner.accounts)
    return MakeTransfer(
        transfer_id=new_id(),
        posting_id=new_id(),
        source_account_id=source,
        destination_account_id=destination,
        amount=CENT,
        currency=None,
        description=Private("between own accounts", owner.user_id),
    )


Asking = Callable[[MakeTransfer], Asked]


class Payers:
    """Owners who make transfers between their own accounts, each drawn anew."""

    def __init__(
        self, ledger: Ledger, owners: tuple[Owner, ...], asking: Asking | None = None
    ) -> None:
        self.ledger, self.owners, self.asking = ledger, owners, asking
        self.draw = Draw(len(owners))

    async def pay(self, _caller: int) -> Outcome:
        """Make one transfer: four events (booked, posted, debited, credited)."""
        owner = self.draw.one(self.owners)
        command = own_transfer(owner, self.draw)
        asked = Asked() if self.asking is None else self.asking(command)
        return await self.ledger.handle(command, owner.context, asked)
