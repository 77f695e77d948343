"""Series about outside systems (config.md §5): how calls to them went, and how breakers stand.

Read from what all processes share when somebody fetches them, the same from every process.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from api.breakers import Breaker

SECONDS_MAX = 2.0
STATES = {"closed": 0, "half_open": 1, "open": 2}
DURATION = "ledgerbank_provider_request_duration_seconds"
STATE = "ledgerbank_circuit_breaker_state"


class CallsMade(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one kind: how many took at most so many ms, how many there were at all."""

    provider: str
    operation: str
    outcome: str
    within_ms: dict[int, int]
    calls: int
    spent_ms: int


class OutsideFigures(msgspec.Struct, frozen=True):
    """What is known of outside systems now."""

    calls: Sequence[CallsMade] = ()
    breakers: Sequence[Breaker] = ()


class OutsideMeters(Collector):
    """Holds the figures of the last look; `read` may block."""

    def __init__(self, registry: CollectorRegistry, read: Callable[[], OutsideFigures]) -> None:
        self.read, self.figures = read, OutsideFigures()
        registry.register(self)

    async def look(self) -> None:
        """Read all figures; what takes too long is not told."""
        self.figures = OutsideFigures()
        try:
            self.figures = await asyncio.wait_for(asyncio.to_thread(self.read), SECONDS_MAX)
        except TimeoutError:
            return

    @override
    def collect(self) -> Iterable[Metric]:
        yield durations(self.figures.calls)
        yield states(self.figures.breakers)


def durations(calls: Sequence[CallsMade]) -> Metric:
    """Return how long calls took."""
    labels = ("provider", "operation", "outcome")
    family = HistogramMetricFamily(DURATION, "Time that calls to providers took", labels=labels)
    for each in calls:
        buckets = [(str(limit / 1000), float(count)) for limit, count in each.within_ms.items()]
        family.add_metric(
            [each.provider, each.operation, each.outcome],
            [*buckets, ("+Inf", each.calls)],
            each.spent_ms / 1000,
        )
    return family


def states(breakers: Sequence[Breaker]) -> Metric:
    """Return how breakers stand; of those by host the worst is told, without the host."""
    family = GaugeMetricFamily(STATE, "0 closed, 1 half open, 2 open", labels=("name",))
    worst = dict[str, int]()
    for each in breakers:
        by_host = each.name.startswith("notification_service:")
        name = each.name.partition(":")[0] if by_host else each.name
        worst[name] = max(worst.get(name, 0), STATES[each.state])
    for name, state in worst.items():
        family.add_metric([name], state)
    return family
