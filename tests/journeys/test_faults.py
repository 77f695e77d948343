"""The drill in its short form, on the deployment of the journeys (AC-19, 81, 82)."""

import signal
import time
from collections.abc import Sequence

import pytest
from typing_extensions import override

from ops.demo import ADMIN
from ops.faults.drill import Staff, drill
from ops.faults.house import House
from ops.faults.trouble import Double, Flush, Kill, Stand, Stop
from tests.journeys.system import NAMES, System

pytestmark = pytest.mark.timeout(400)
TROUBLES = (
    Kill(("api-1",)),
    Double(40, 1),
    Kill(("worker-1", "worker-2")),
    Flush(),
    Stand("worker-1", 0.5),
    Stop("api-2"),
    Kill(("projections", "scheduler")),
    Stop("worker-2"),
)


class RunningHouse(House):
    """The processes of the journeys, kept running by their own supervisor."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.urls: Sequence[str] = system.urls
        self.dsn = system.environment["DATABASE_URL"]
        self.redis_url = system.environment["REDIS_URL"]
        self.parts: Sequence[str] = NAMES
        self.died_at: list[str] = []

    @override
    def kill(self, part: str) -> None:
        self.system.kill(part)

    @override
    def signal(self, part: str, number: signal.Signals) -> None:
        self.system.running(part).send_signal(number)

    @override
    def crash(self, parts: Sequence[str], point: str) -> None:
        raise AssertionError(f"{parts} pass {point} by")

    @override
    def stop(self, part: str) -> tuple[float, int | None]:
        process, began = self.system.running(part), time.monotonic()
        process.terminate()
        process.wait(60)
        return time.monotonic() - began, None

    @override
    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    @override
    def until_ready(self) -> None:
        self.system.until_ready()


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(system: System) -> None:
    house = RunningHouse(system)
    staff = Staff(house.urls[1], ADMIN.email, ADMIN.password)
    report = drill(house, staff, TROUBLES, seed=1)
    assert report.faults == (), report
    assert report.acknowledged
    assert report.repeated, "a killed server leaves answers open"
