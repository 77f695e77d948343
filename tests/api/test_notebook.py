"""The notebook keeps up, bounded: what it cannot record is counted, and nobody waits for it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from api import notebook as notebooks
from api.notebook import Note, Notebook
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Context
from ledger.errors import Reason, Refused
from ledger.events.audit import LoginFailed
from ledger.events.recorded import ANONYMOUS


class Ledger:
    """Records notes, or meets the troubles it is told to."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.recorded: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def record(self, _: RecordSecurityEvent, context: Context) -> None:
        await self.open.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        self.recorded.append(context.correlation_id)


def note(name: str) -> Note:
    command = RecordSecurityEvent(event=LoginFailed(outcome="failure"))
    return Note(command, Context(actor=ANONYMOUS, correlation_id=name))


def play(
    story: Callable[[Ledger, Notebook], Awaitable[None]], *troubles: Exception, notes_max: int = 100
) -> dict[str, float]:
    """Return how many notes met which fate."""
    registry = CollectorRegistry()

    async def run() -> None:
        ledger = Ledger(*troubles)
        notebook = Notebook(ledger.record, registry, notes_max)
        async with notebook.kept():
            await story(ledger, notebook)

    asyncio.run(run())
    fates = {
        fate: registry.get_sample_value("ledgerbank_audit_notes_total", {"fate": fate})
        for fate in ("recorded", "lost", "held_back")
    }
    return {fate: count for fate, count in fates.items() if count is not None}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "PAUSES_SECONDS", (0.0, 0.001, 0.001))
    monkeypatch.setattr(notebooks, "LAST_SECONDS", 0.2)


def test_notes_are_recorded_in_order() -> None:
    names = [str(number) for number in range(70)]

    async def story(ledger: Ledger, notebook: Notebook) -> None:
        for name in names:
            notebook.put_down(note(name))
        assert ledger.recorded == []
        assert await notebook.settled(1)
        assert ledger.recorded == names
        assert not await notebook.settled(1)

    assert play(story) == {"recorded": 70}


def test_what_does_not_fit_is_lost_and_counted() -> None:
    async def story(ledger: Ledger, notebook: Notebook) -> None:
        ledger.open.clear()
        for number in range(10):
            notebook.put_down(note(str(number)))
        ledger.open.set()

    assert play(story, notes_max=4) == {"recorded": 4, "lost": 6}


def test_a_ledger_that_is_away_for_a_moment_loses_nothing() -> None:
    away = [Refused(Reason.SERVICE_UNAVAILABLE)] * 2

    async def story(_: Ledger, notebook: Notebook) -> None:
        notebook.put_down(note("patient"))

    assert play(story, *away) == {"recorded": 1}
    assert play(story, *away, *away) == {"lost": 1}


@pytest.mark.parametrize("trouble", [ZeroDivisionError(), Refused(Reason.UNKNOWN_FIELD)])
def test_a_note_that_cannot_be_recorded_does_not_stop_the_others(trouble: Exception) -> None:
    async def story(ledger: Ledger, notebook: Notebook) -> None:
        for name in ("bad", "good"):
            notebook.put_down(note(name))
        await notebook.settled(1)
        assert ledger.recorded == ["good"]

    assert play(story, trouble) == {"recorded": 1, "lost": 1}


def test_what_is_noted_last_is_recorded_before_the_end() -> None:
    async def story(_: Ledger, notebook: Notebook) -> None:
        for number in range(50):
            notebook.put_down(note(str(number)))

    assert play(story) == {"recorded": 50}


def test_the_end_does_not_wait_for_ever() -> None:
    async def story(ledger: Ledger, notebook: Notebook) -> None:
        ledger.open.clear()
        for number in range(40):
            notebook.put_down(note(str(number)))

    assert play(story) == {"lost": 40}
