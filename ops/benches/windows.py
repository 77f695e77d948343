"""Windows: stretches of time that are measured in turn, so that noise meets everything alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

import msgspec

Told = Callable[[str], None]
"""Hears what is being measured now."""


class Window(msgspec.Struct, frozen=True):
    """What one stretch of time gave; `cpu_seconds` are those of the process that did the work."""

    done: int
    seconds: float
    cpu_seconds: float = 0.0
    latencies: list[float] = []


class Series(msgspec.Struct, frozen=True):
    """The windows of one thing that is measured, in the order of their rounds."""

    windows: tuple[Window, ...]

    @property
    def rate(self) -> float:
        """Return how much was done per second."""
        return self.done / sum(window.seconds for window in self.windows)

    @property
    def done(self) -> int:
        """Return how much was done."""
        return sum(window.done for window in self.windows)

    @property
    def cpu_us(self) -> float:
        """Return the microseconds of CPU that each one cost."""
        return 1e6 * sum(window.cpu_seconds for window in self.windows) / max(self.done, 1)

    def percentile_ms(self, part: float) -> float | None:
        """Return the latency in milliseconds that `part` of all stayed below."""
        return percentile_ms([each for window in self.windows for each in window.latencies], part)

    def ratio(self, floor: "Series") -> float:
        """Return the median over all rounds of this rate divided by that of `floor`."""
        pairs = zip(self.windows, floor.windows, strict=True)
        return median(
            (ours.done / ours.seconds) / (theirs.done / theirs.seconds) for ours, theirs in pairs
        )


def percentile_ms(latencies: list[float], part: float) -> float | None:
    """Return the latency in milliseconds that `part` of `latencies` (seconds) stay below."""
    if not latencies:
        return None
    ordered = sorted(latencies)
    return 1e3 * ordered[min(int(len(ordered) * part), len(ordered) - 1)]


async def interleaved(
    rounds: int, measured: Mapping[str, Callable[[], Awaitable[Window]]], told: Told
) -> dict[str, Series]:
    """Measure everything once per round, in turn."""
    windows: dict[str, list[Window]] = {name: [] for name in measured}
    for number in range(1, rounds + 1):
        for name, measure in measured.items():
            told(f"round {number} of {rounds}: {name}")
            windows[name].append(await measure())
    return {name: Series(tuple(found)) for name, found in windows.items()}


class Callers(msgspec.Struct, frozen=True):
    """So many callers at once for so long; each waits for its outcome before it asks again."""

    number: int
    seconds: float

    async def measure(self, act: Callable[[int], Awaitable[object]]) -> Window:
        """Let all callers `act` until time is up; CPU is that of this process, callers included."""
        latencies: list[float] = []
        began, cpu = time.perf_counter(), time.process_time()
        end = began + self.seconds

        async def call(number: int) -> None:
            asked = time.perf_counter()
            while asked < end:
                await act(number)
                answered = time.perf_counter()
                latencies.append(answered - asked)
                asked = answered

        async with asyncio.TaskGroup() as group:
            for number in range(self.number):
                group.create_task(call(number))
        seconds, spent = time.perf_counter() - began, time.process_time() - cpu
        return Window(len(latencies), seconds, spent, latencies)
