"""A diary: what two people do in one morning, to be lived under any rules with the same ids."""

from collections.abc import Iterator
from random import Random
from uuid import UUID

import msgspec

from ledger.commands.account import OpenAccount
from ledger.commands.command import Command, Context
from ledger.commands.hold import CaptureClientHold, PlaceClientHold, ReleaseClientHold
from ledger.commands.payment import (
    CompletePayment,
    CreatePayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.commands.transfer import MakeTransfer
from ledger.errors import Refused
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM, Actor
from ledger.identity import new_id
from ledger.money import decimal_text
from ops.benches.town import Owner, Town
from ops.composition import open_books
from ops.settings import Settings

FUNDS, DUST = 10_000, 20
ACCOUNTS_EACH = 2


class Step(msgspec.Struct, frozen=True):
    """A command, who asks for it, and the stream it is known by in a what-if."""

    command: Command
    who: Owner | None
    stream: str | None = None


class Diary:
    """Draws steps that all succeed under generous rules: `free` is what could be spent.

    Who is `greedy` spends all there is, now and then.
    """

    def __init__(self, seed: int, *, greedy: bool = True) -> None:
        self.dice, self.greedy = Random(seed), greedy
        self.people = tuple(self.newcomer(number) for number in range(2))
        self.accounts = [each for owner in self.people for each in owner.accounts]
        self.free = dict.fromkeys(self.accounts, FUNDS)

    def newcomer(self, number: int) -> Owner:
        user_id = self.id()
        accounts = tuple(self.id() for _ in range(ACCOUNTS_EACH))
        return Owner(user_id, f"number{number}@example.com", accounts)

    def id(self) -> str:
        """Return an id that is the same in every life."""
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def steps(self, number: int) -> list[Step]:
        """Return so many things that happen, each of one command or of several."""
        kinds = (self.transfer, self.transfer, self.payment, self.payment, self.hold)
        return [step for _ in range(number) for step in self.dice.choice(kinds)()]

    def spender(self) -> tuple[Owner, str, int]:
        """Return who spends, from where, and how much."""
        source = self.dice.choice([each for each in self.accounts if self.free[each] > DUST])
        who = next(each for each in self.people if source in each.accounts)
        most = self.free[source]
        shares = [most, most // 2, most // 9, most // 9] if self.greedy else [most // 20]
        return who, source, max(1, self.dice.choice(shares))

    def transfer(self) -> Iterator[Step]:
        who, source, amount = self.spender()
        other = self.dice.choice([each for each in self.accounts if each != source])
        transfer_id, posting_id = self.id(), self.id()
        self.free[source] -= amount
        self.free[other] += amount
        command = MakeTransfer(
            transfer_id=transfer_id, posting_id=posting_id, source_account_id=source,
            destination_account_id=other, amount=decimal_text(amount, "USD"), currency=None,
            description=Private("Rent", who.user_id),
        )  # fmt: skip
        yield Step(command, who, f"transfer-{transfer_id}")

    def payment(self) -> Iterator[Step]:
        who, source, amount = self.spender()
        amount = min(amount, self.dice.choice([700, 800, 5_000]))
        payment_id = self.id()
        command = CreatePayment(
            payment_id=payment_id, user_bank_account_id=source,
            amount=decimal_text(amount, "USD"), currency=None, direction="DEBIT",
            payment_type="PAYMENT", description=Private("Groceries", who.user_id),
        )  # fmt: skip
        yield Step(command, who)
        yield Step(ProcessPayment(payment_id=payment_id), who, f"payment-{payment_id}")
        yield Step(RecordSubmission(payment_id=payment_id, rail_reference=None, attempt=1), None)
        if self.dice.random() < 0.3:
            yield Step(FailPayment(payment_id=payment_id, reason="payment_declined",
                                   category="business_rule", attempts=1), None)  # fmt: skip
            return
        self.free[source] -= amount
        posting_id = self.id()
        yield Step(CompletePayment(payment_id=payment_id, posting_id=posting_id), None)

    def hold(self) -> Iterator[Step]:
        who, source, amount = self.spender()
        other = self.dice.choice([each for each in self.accounts if each != source])
        hold_id = self.id()
        command = PlaceClientHold(
            hold_id=hold_id, account_id=source, amount=decimal_text(amount, "USD"), currency=None,
            description=Private("Hotel", who.user_id), destination_account_id=other,
            expires_in_seconds=86_400,
        )  # fmt: skip
        yield Step(command, who, f"hold-{hold_id}")
        if self.dice.random() < 0.3:
            yield Step(ReleaseClientHold(hold_id=hold_id), who)
            return
        taken = max(1, amount // 2)
        self.free[source] -= taken
        self.free[other] += taken
        yield Step(CaptureClientHold(hold_id=hold_id, posting_id=self.id(),
                                     amount=decimal_text(taken, "USD")), who)  # fmt: skip


async def live(settings: Settings, dsn: str, diary: Diary, steps: list[Step]) -> dict[str, str]:
    """Let everything happen; return what was refused, by the streams of a what-if, and why."""
    refused: dict[str, str] = {}
    async with open_books(settings, dsn) as books:
        town = Town(books.ledger, settings.core.index_key, "no password")
        for owner in diary.people:
            await town.register(owner)
            for account_id in owner.accounts:
                await town.ask(opening(owner, account_id))
        for step in steps:
            try:
                await books.ledger.handle(step.command, context(step.who))
            except Refused as why:
                refused[step.stream or f"after {step.command}"] = str(why.reason)
    return refused


def opening(owner: Owner, account_id: str) -> OpenAccount:
    return OpenAccount(
        account_id=account_id, user_id=owner.user_id, currency="USD", account_type="CHECKING",
        account_name=Private("Everyday", owner.user_id), last_four="1234", opening_balance=FUNDS,
        opening_posting_id=new_id(),
    )  # fmt: skip


def context(who: Owner | None) -> Context:
    """Return who asks: a person, or the house itself."""
    actor = SYSTEM if who is None else Actor(type="user", id=who.user_id, role="user")
    return Context(actor=actor, correlation_id=new_id())
