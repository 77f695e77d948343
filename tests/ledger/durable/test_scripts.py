"""Scripts through the real append, several writers at once: an audit of the log finds nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import count, groupby
from threading import Thread
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import Phase, given, settings

from ledger.application import Ledger
from ledger.commands.account import OpenAccount
from ledger.commands.asked import Asked, Idempotency, Outcome
from ledger.commands.command import Command, Context
from ledger.commands.hold import CaptureClientHold, PlaceClientHold
from ledger.commands.payment import CreatePayment
from ledger.commands.posting import ReversePosting
from ledger.commands.quote import IssueQuote
from ledger.commands.transfer import MakeTransfer, MakeTransfers
from ledger.errors import Reason, Refused
from ledger.events.event import Private, Sealed
from ledger.events.recorded import Actor
from ledger.identity import derived_id, new_id
from ledger.times import later, utc_day
from ops.audits.audit import Audit
from ops.audits.holds import held
from ops.audits.reading import Terms, audited
from ops.output import Bar
from tests.builders import RULES
from tests.ledger.durable.bank import BY_SYSTEM, KEKS, ledger_on
from tests.strategies import ACCOUNTS, BEGINNING, OPENINGS, Step, scripts

Told: TypeAlias = Outcome | BaseException

WRITERS = 3
MADE: dict[type[Command], tuple[str, ...]] = {
    MakeTransfer: ("transfer_id", "posting_id"),
    MakeTransfers: ("bulk_id",),
    IssueQuote: ("quote_id",),
    CreatePayment: ("payment_id",),
    PlaceClientHold: ("hold_id",),
    CaptureClientHold: ("posting_id",),
    ReversePosting: ("reversal_posting_id",),
    OpenAccount: ("account_id", "opening_posting_id"),
}
TOGETHER_MINUTES = 20
"""What happens within so many minutes is asked at once, of all writers in turn."""


class Place:
    """Several ledgers on one database; `now` is the time of all of them, and only goes on.

    Each script happens on a day of its own, to people and accounts of its own.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn, self.now = dsn, BEGINNING
        self.days, self.turns = count(), count()
        self.ledgers: list[Ledger] = []
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.stack = AsyncExitStack()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    async def open(self) -> None:
        for _ in range(WRITERS):
            opened = ledger_on(self.dsn, RULES, lambda: self.now)
            self.ledgers.append(await self.stack.enter_async_context(opened))

    async def ask(self, keyed: list[tuple[str, Step]]) -> list[Told]:
        """Ask everything at once under its key, each of another writer than the one before."""
        asked = [
            self.ledgers[next(self.turns) % WRITERS].handle(
                step.command,
                Context(actor=step.by, correlation_id="req_test"),
                Asked(idempotency=Idempotency("scripts", key, bytes(32))),
            )
            for key, step in keyed
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    async def head(self) -> int:
        return (await self.ledgers[0].store.head()).position


@pytest.fixture(scope="module")
def place(module_database: str) -> Iterator[Place]:
    place = Place(module_database)
    place.thread.start()
    place.run(place.open())
    yield place
    place.run(place.stack.aclose())
    place.loop.call_soon_threadsafe(place.loop.stop)
    place.thread.join(10)
    place.loop.close()


def own(value: Any, script: str) -> Any:
    """Return what a script says as it is said of this run's own people, in clear."""
    match value:
        case Sealed(enc=text, kid=kid):
            return Private(text[1:-1], own(kid.removeprefix("key of "), script))
        case Command() | Actor():
            fields = {name: own(getattr(value, name), script) for name in value.__struct_fields__}
            if "email_claim" in fields:
                fields["email_claim"] += script
            return msgspec.structs.replace(value, **fields)
        case tuple():
            return tuple(own(each, script) for each in value)
        case str() if len(value) == len(script):
            return derived_id("tests", script, value)
        case _:
            return value


def without_repeats(script: list[Step]) -> Iterator[Step]:
    """Leave out transfers and quotes that are made again: on the wire every wish has new ids."""
    made: set[str] = set()
    for step in script:
        match step.command:
            case MakeTransfer(transfer_id=each) | IssueQuote(quote_id=each):
                named = [each]
            case MakeTransfers(transfers=several):
                named = [each.transfer_id for each in several]
            case _:
                named = []
        if made.isdisjoint(named) and len(set(named)) == len(named):
            made.update(named)
            yield step


def repeated(command: Any) -> Any:
    """Return a command as it comes in again: what it makes has another id by now."""
    fields: dict[str, Any] = {name: new_id() for name in MADE.get(type(command), ())}
    if isinstance(command, MakeTransfers):
        fields["transfers"] = tuple(map(repeated, command.transfers))
    return msgspec.structs.replace(command, **fields)


@settings(max_examples=8, phases=[Phase.generate])
@given(scripts())
def test_whoever_writes_the_books_hold(place: Place, script: list[Step]) -> None:
    day = next(place.days)
    name = derived_id("tests", "script", day)
    beginning = place.now = later(BEGINNING, timedelta(days=day))
    for command in OPENINGS:
        place.run(place.ledgers[0].handle(own(command, name), BY_SYSTEM))
    parts = groupby(without_repeats(script), lambda step: step.minute // TOGETHER_MINUTES)
    for part, together in parts:
        place.now = later(beginning, timedelta(minutes=(part + 1) * TOGETHER_MINUTES))
        steps = [Step(0, own(step.command, name), own(step.by, name)) for step in together]
        happen_once(place, [(new_id(), step) for step in steps])
    found = audited(place.dsn, Terms(RULES, KEKS), place.run(place.head()), Bar(None, None))
    assert found.found == []
    agree(place, found, name)


def happen_once(place: Place, keyed: list[tuple[str, Step]]) -> None:
    """Ask, and ask for what was done once more under its key: nothing more happens."""
    told = place.run(place.ask(keyed))
    for one in told:
        assert isinstance(one, Outcome) or reason_of(one) is not Reason.SERVICE_UNAVAILABLE
    next(place.turns)
    before = place.run(place.head())
    again = [
        (key, Step(0, repeated(step.command), step.by))
        for (key, step), one in zip(keyed, told, strict=True)
        if isinstance(one, Outcome)
    ]
    for one in place.run(place.ask(again)):
        assert reason_of(one) is Reason.IDEMPOTENCY_KEY_REUSED, "no answer was kept"
    assert place.run(place.head()) == before


def reason_of(told: Told) -> Reason:
    """Return why something was refused, which is all that can go wrong."""
    assert isinstance(told, Refused), repr(told)
    return told.reason


def agree(place: Place, audit: Audit, script: str) -> None:
    """See each account worth the same to every writer, to the database, and to the audit."""
    for account in ACCOUNTS.values():
        account_id = own(account, script)
        stream, known = f"account-{account_id}", audit.accounts.standings[account_id]
        state = place.run(place.ledgers[0].current(stream)).state
        assert (state.balance, state.held) == (known.balance, held(known.promises, ""))
        day = utc_day(place.now)
        assert state.spent_on(day) == (known.spent if known.day == day else 0)
