"""One run over the demo data: people, banks, and accounts with all that has happened there."""

import msgspec

from api.passwords import Passwords
from ledger.application import Ledger
from ledger.commands.user import RegisterUser
from ledger.events.event import Private
from ledger.identity import derived_id
from ops.demo import ACCOUNTS, BANKS, PEOPLE, Person
from ops.seeding.author import Author
from ops.seeding.mirrors import Mirrors
from schema.postgres import Pool
from schema.principals import email_claim
from schema.token_ring import TokenRing


class Seeded(msgspec.Struct, frozen=True):
    """What a run came to: how many commands, and accounts of an earlier version left alone."""

    commands: int
    kept: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """Return what people should know of it."""
        return [KEPT.format(name=name) for name in self.kept]


class Seeding(msgspec.Struct, frozen=True):
    """Makes what is missing; nothing is ever made twice."""

    ledger: Ledger
    pool: Pool
    passwords: Passwords
    ring: TokenRing
    index_key: bytes

    async def run(self) -> Seeded:
        """Make what is missing; return what that took."""
        author = Author(self.ledger)
        for person in PEOPLE:
            if await author.is_new(f"user-{person.user_id}"):
                await author.handle(await self.joining(person))
        for each in BANKS:
            stream = f"bank-{each.bank.bank_id}"
            if await author.is_new(stream):
                await author.handle(each.bank)
            if each.branch.branch_id not in (await author.state(stream)).branches:
                await author.handle(each.branch)
        mirrors, kept = Mirrors(author, self.pool, self.ring), list[str]()
        for account in ACCOUNTS:
            if await author.is_new(f"account-{account.earlier_id}"):
                await mirrors.mirror(account)
            else:
                kept.append(account.name)
        return Seeded(author.made, tuple(kept))

    async def joining(self, person: Person) -> RegisterUser:
        """Return the wish to let one person join."""
        return RegisterUser(
            user_id=person.user_id,
            email=Private(person.email, person.user_id),
            email_claim=email_claim(self.index_key, person.email),
            full_name=Private(person.full_name, person.user_id),
            role=person.role,
            origin="demo",
            password_hash=await self.passwords.hashed(person.password),
            data_key_id=derived_id("demo", "data-key", person.email),
        )


KEPT = (
    "{name} was made by an earlier version and stays as it is, without a bank behind it"
    " (`seed-demo --reset`, or another --data-dir, starts over)"
)
