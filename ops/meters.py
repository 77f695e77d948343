"""Settings → the series that a process exposes: about itself, and about outside systems."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from api.breakers import BreakerPanel
from api.outside_meters import CallsMade, OutsideFigures, OutsideMeters
from workers.call_meters import CallMeters, NoCallMeters, SharedCallMeters


@contextmanager
def open_meters(redis_url: str | None) -> Iterator[CallMeters]:
    """Lend the meters of this deployment: in its store, or none when there is no store."""
    if redis_url is None:
        yield NoCallMeters()
        return
    with closing(SharedCallMeters(redis_url)) as shared:
        yield shared


@asynccontextmanager
async def meters_open(redis_url: str | None) -> AsyncIterator[CallMeters]:
    """Do what `open_meters` does, among things that are opened on an event loop."""
    with open_meters(redis_url) as meters:
        yield meters


def meters_of(exposed: CollectorRegistry, panel: BreakerPanel, meters: CallMeters) -> OutsideMeters:
    """Return the series about outside systems."""

    def read() -> OutsideFigures:
        calls = [CallsMade(**msgspec.structs.asdict(each)) for each in meters.told()]
        return OutsideFigures(calls, panel.standings())

    return OutsideMeters(exposed, read)


def registry() -> CollectorRegistry:
    """Return a registry with the standard facts about this process."""
    found = CollectorRegistry()
    ProcessCollector(registry=found)
    PlatformCollector(registry=found)
    GCCollector(registry=found)
    return found
