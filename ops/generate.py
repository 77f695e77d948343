"""A log to read: what people of a bank do all day, every event the outcome of a real decision.

A process of its own: `python -m ops.generate EVENTS`, with the product's environment.
"""

import asyncio
import sys
import time
from collections.abc import Callable

import uvloop

from ledger.commands.account import OpenAccount
from ledger.commands.command import Command, Context
from ledger.commands.payment import (
    CancelPayment,
    CompletePayment,
    CreatePayment,
    FailPayment,
    ProcessPayment,
    RecordSubmission,
)
from ledger.commands.session import StartSession
from ledger.commands.transfer import MakeTransfer
from ledger.errors import Reason, Refused
from ledger.events.event import Private
from ledger.events.recorded import SYSTEM
from ledger.identity import new_id
from ops.benches.draw import Draw
from ops.benches.town import CENT, Owner, Town, own_transfer
from ops.composition import Books, open_books
from ops.settings import Settings, current_settings

AT_ONCE = 128
EVENTS_PER_PERSON = 200
PEOPLE_MIN, PEOPLE_MAX = 4, 5_000
STEPS = 100
PAUSE_SECONDS, PATIENCE_SECONDS = 0.5, 60.0
ACCOUNTS_EACH = 3
FAR_FUTURE = "2999-12-31T23:59:59.000000Z"
DAY = (
    "own", "own", "own", "own", "own", "own", "own", "own", "other", "other", "other", "other",
    "paid", "paid", "paid", "failed", "cancelled", "deposit", "opening", "session",
)  # fmt: skip
"""What happens, in the shares in which it happens."""


class Life:
    """Lets things happen to people until the log holds so many events."""

    def __init__(self, books: Books, people: tuple[Owner, ...], events: int) -> None:
        self.books, self.people, self.events = books, people, events
        self.draw = Draw(events)
        self.refused_since: float | None = None

    @property
    def position(self) -> int:
        """Return the position of the newest event."""
        head = self.books.ledger.appender.head
        return 0 if head is None else head.position

    async def go_on(self, until: int) -> None:
        """Let one thing happen after the other up to a position, and let the others tell it."""
        while self.position < until:
            try:
                await self.happen(self.draw.one(DAY), self.draw.one(self.people))
            except Refused as refused:
                if refused.reason is not Reason.SERVICE_UNAVAILABLE or self.out_of_patience():
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.refused_since = None

    def out_of_patience(self) -> bool:
        """Say whether nothing has happened for a minute, because the house is too busy."""
        now = time.monotonic()
        self.refused_since = self.refused_since or now
        return now > self.refused_since + PATIENCE_SECONDS

    async def happen(self, what: str, who: Owner) -> None:
        """Let one thing happen to somebody."""
        match what:
            case "own":
                await self.ask(own_transfer(who, self.draw), who)
            case "other":
                await self.ask(self.gift(who), who)
            case "opening":
                await self.ask(opening(who), who)
            case "session":
                await self.ask(signing_in(who), None)
            case "deposit":
                await self.deposit(who)
            case _:
                await self.payment(who, what)

    async def payment(self, who: Owner, end: str) -> None:
        """Let somebody pay, until it is done, fails or is called off."""
        payment_id = await self.wish(who, "DEBIT", "PAYMENT")
        if end == "cancelled":
            await self.ask(CancelPayment(payment_id=payment_id), who)
            return
        await self.ask(ProcessPayment(payment_id=payment_id), who)
        await self.ask(submission(payment_id), None)
        await self.ask(failure(payment_id) if end == "failed" else completion(payment_id), None)

    async def deposit(self, who: Owner) -> None:
        """Let money come in, as a signed message from outside says it has."""
        payment_id = await self.wish(who, "CREDIT", "DEPOSIT")
        await self.ask(ProcessPayment(payment_id=payment_id, trigger="webhook"), None)
        await self.ask(submission(payment_id), None)
        await self.ask(completion(payment_id), None)

    async def wish(self, who: Owner, direction: str, payment_type: str) -> str:
        """Let somebody ask for a payment like no other; return its id."""
        payment_id = new_id()
        command = CreatePayment(
            payment_id=payment_id,
            user_bank_account_id=self.draw.one(who.accounts),
            amount=CENT,
            currency=None,
            direction=direction,
            payment_type=payment_type,
            description=Private(f"for {payment_id}", who.user_id),
        )
        await self.ask(command, who)
        return payment_id

    def gift(self, who: Owner) -> MakeTransfer:
        """Return a transfer to somebody else: it counts against the limit of the day."""
        one, other = self.draw.two(self.people)
        return MakeTransfer(
            transfer_id=new_id(),
            posting_id=new_id(),
            source_account_id=self.draw.one(who.accounts),
            destination_account_id=self.draw.one((other if one is who else one).accounts),
            amount=CENT,
            currency=None,
            description=Private("a gift", who.user_id),
        )

    async def ask(self, command: Command, who: Owner | None) -> None:
        """Carry out a command of somebody, or of the house itself."""
        context = Context(actor=SYSTEM, correlation_id=new_id()) if who is None else who.context
        await self.books.ledger.handle(command, context)


def opening(who: Owner) -> OpenAccount:
    """Return the wish for one more account."""
    return OpenAccount(
        account_id=new_id(),
        user_id=who.user_id,
        currency="USD",
        account_type="SAVINGS",
        account_name=Private("For later", who.user_id),
        last_four="5678",
        opening_posting_id=new_id(),
    )


def signing_in(who: Owner) -> StartSession:
    """Return what a login records."""
    return StartSession(
        session_id=new_id(), user_id=who.user_id, jti=new_id(), expires_at=FAR_FUTURE
    )


def submission(payment_id: str) -> RecordSubmission:
    """Return the step before the rail is called."""
    return RecordSubmission(payment_id=payment_id, rail_reference=None, attempt=1)


def completion(payment_id: str) -> CompletePayment:
    """Return the good end of a payment."""
    return CompletePayment(payment_id=payment_id, posting_id=new_id())


def failure(payment_id: str) -> FailPayment:
    """Return the bad end of a payment."""
    reason = Reason.PAYMENT_DECLINED
    return FailPayment(
        payment_id=payment_id, reason=reason, category=reason.fact.category, attempts=1
    )


def unheard(_made: int, _wanted: int) -> None:
    """Tell nobody."""


async def generate(
    settings: Settings, dsn: str, events: int, told: Callable[[int, int], None] = unheard
) -> int:
    """Add at least so many events to the log; return its last position.

    There is one person to every 200 events, but no more than 5,000: who stays longer does more.
    `told` hears how many there are, now and then.
    """
    async with open_books(settings, dsn) as books:
        before = (await books.ledger.store.head()).position
        town = Town(books.ledger, settings.core.index_key, "not a password")
        number = min(PEOPLE_MAX, max(PEOPLE_MIN, events // EVENTS_PER_PERSON))
        life = Life(books, await town.people(number, ACCOUNTS_EACH), before + events)
        step = max(1, events // STEPS)
        for until in range(life.position + step, before + events + step, step):
            end = min(until, before + events)
            await asyncio.gather(*(life.go_on(end) for _ in range(AT_ONCE)))
            told(life.position - before, events)
        return life.position


def main() -> None:
    """Generate into the database of the environment."""
    settings = current_settings()
    assert settings.core.database_url is not None, "the environment names the database"
    uvloop.run(generate(settings, settings.core.database_url, int(sys.argv[1])))


if __name__ == "__main__":
    main()
