"""given(history).when(command).then(jobs): one sentence per rule of a process manager."""

from functools import reduce
from typing import Any

from ledger.events.recorded import SYSTEM, AnyEvent, Envelope, Metadata, Recorded
from workers.effects import Effect
from workers.process_managers import ProcessManager, Unseen, reactions


class Process:
    """One process of a manager, known by the stream its events are of."""

    def __init__(self, manager: ProcessManager, stream: str) -> None:
        self.manager, self.stream = manager, stream

    def given(self, *history: AnyEvent) -> "Given":
        """Fold what has happened before."""
        return Given(self, reduce(self.manager.evolve, self.recorded(*history), Unseen()))

    def recorded(self, *events: AnyEvent) -> list[Recorded]:
        return [recorded(n, self.stream, event) for n, event in enumerate(events, start=1)]


class Given:
    def __init__(self, process: Process, state: Any) -> None:
        self.process, self.state = process, state

    def when(self, *command: AnyEvent) -> "When":
        """Show the events of one command."""
        events = self.process.recorded(*command)
        states = {self.process.manager.key(events[0]): self.state}
        wishes = reactions(self.process.manager, states, events)
        return When([wanted for wanted, _ in wishes])


class When:
    def __init__(self, wanted: list[Effect]) -> None:
        self.wanted = wanted

    def then(self, *expected: Effect) -> None:
        assert list(expected) == self.wanted


def recorded(position: int, stream: str, event: AnyEvent) -> Recorded:
    return Recorded(
        position,
        Envelope(
            data=event,
            effective_at="2026-01-01T00:00:00.000000Z",
            id=f"event-{position}",
            metadata=Metadata(actor=SYSTEM, correlation_id="req_test"),
            recorded_at="2026-01-01T00:00:00.000000Z",
            schema_version=1,
            stream_id=stream,
            stream_version=position,
            type=event.stored_as,
        ),
    )
