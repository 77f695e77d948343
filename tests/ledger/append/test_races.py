"""Races: two processes on one hot account, however their moments and their losses fall."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, cycle
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from ledger.append import appender
from ledger.commands.asked import Outcome
from ledger.errors import Reason
from ledger.events.account import AccountDebited
from tests.builders import ANNA, HERS, HIS, TOWN, identity, transfer, wish
from tests.ledger.append.database import Database
from tests.ledger.append.desk import Desk, all_told, opened
from tests.ledger.append.store import AFTER, BEFORE


class Wish(msgspec.Struct, frozen=True):
    """A command, so many turns of the loop after the one before."""

    after: int
    amount: str
    waits: bool

    def command(self, name: str) -> Any:
        if self.waits:
            return wish(self.amount, payment_id=identity(f"payment {name}"))
        return transfer(
            self.amount,
            transfer_id=identity(f"transfer {name}"),
            posting_id=identity(f"posting {name}"),
        )


class Process(msgspec.Struct, frozen=True):
    """What one process is asked, how long its way to the database takes, and what gets lost."""

    wishes: list[Wish]
    pauses: list[int]
    faults: list[str]


amounts = st.sampled_from(["0.01", "1.00", "90.00", "300.00"])
wishes = st.builds(Wish, st.integers(0, 8), amounts, st.booleans())
processes = st.builds(
    Process,
    st.lists(wishes, min_size=1, max_size=12),
    st.lists(st.integers(0, 6), max_size=30),
    st.lists(st.sampled_from([BEFORE, AFTER]), max_size=2),
)


class TickingLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes by looking at it, so that every run is the same."""

    ticks = 0

    @override
    def time(self) -> float:
        self.ticks += 1
        return self.ticks / 1_000


def play(story: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await story()

    with asyncio.Runner(loop_factory=TickingLoop) as runner:
        return runner.run(run())


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(appender, "RESOLVE_SECONDS", 0)
        yield


async def live(desk: Desk, process: Process, name: str) -> list[Outcome | Reason]:
    """Ask what one process is asked; return what was told."""
    await desk.warm(f"account-{HERS}", f"account-{HIS}", f"user-{ANNA}")
    asked = []
    for number, each in enumerate(process.wishes):
        for _ in range(each.after):
            await asyncio.sleep(0)
        asked.append(desk.submit(each.command(f"{name}{number}")))
    return await all_told(asked)


async def race(here: Process, there: Process) -> tuple[list[Desk], list[Outcome | Reason]]:
    pauses = [chain(each.pauses, cycle([1])) for each in (here, there)]
    async with opened(desks=2, pauses=lambda number: pauses[number]) as desks:
        for desk in desks:
            await desk.ask(transfer("0.01"))
            desk.appender.contended_until = 0
        desks[0].store.faults.extend(here.faults)
        desks[1].store.faults.extend(there.faults)
        told = await asyncio.gather(live(desks[0], here, "here"), live(desks[1], there, "there"))
        return desks, told[0] + told[1]


@given(processes, processes)
def test_two_processes_on_one_hot_account_lose_nothing_and_make_progress(
    here: Process, there: Process
) -> None:
    desks, told = play(lambda: race(here, there))
    database = desks[0].database
    accepted = [each for each in told if isinstance(each, Outcome)]
    refused = {each for each in told if isinstance(each, Reason)}
    assert refused <= {Reason.INSUFFICIENT_FUNDS, Reason.DAILY_LIMIT_EXCEEDED}
    assert len(accepted) == len(database.commands) - len(TOWN) - 1
    assert len({each.position for each in accepted}) == len(accepted)
    the_books_are_sound(database)


def the_books_are_sound(database: Database) -> None:
    source, destination = (database.state(f"account-{each}") for each in (HERS, HIS))
    assert source.balance + destination.balance == 100_000
    assert source.available >= 0
    positions = [each.position for each in database.log]
    assert positions == list(range(1, len(positions) + 1)), "I-13"
    for stream in database.streams.values():
        assert [each.originator_version for each in stream] == list(range(1, len(stream) + 1))
    events = [each.event for each in database.streams[f"account-{HERS}"]]
    after = [event.balance_after for event in events if isinstance(event, AccountDebited)]
    assert after == sorted(after, reverse=True)
    assert source.balance == after[-1]


def test_the_races_meet_others_and_lose_answers() -> None:
    def met(pair: tuple[Process, Process]) -> bool:
        desks, _ = play(lambda: race(*pair))
        return all(desk.appender.conflicts > 0 for desk in desks) and not any(
            desk.store.faults for desk in desks
        )

    lossy = processes.filter(lambda process: bool(process.faults))
    find(st.tuples(lossy, lossy), met, settings=settings(phases=[Phase.generate], database=None))
