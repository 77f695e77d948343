"""The drill in its short form, on the deployment of the journeys (AC-19, 81, 82)."""

import time

import psutil
import pytest
from typing_extensions import override

from ops.demo import ADMIN
from ops.embedded import postgres, valkey
from ops.faults.drill import Pace, Staff, drill
from ops.faults.house import House, Server
from ops.faults.trouble import Behead, Crash, CutOff, Double, Down, Flush, Freeze, Kill, Stop
from ops.settings import read_settings
from tests.journeys.system import NAMES, System, eventually
from tests.power import Power

pytestmark = pytest.mark.timeout(400)
LEASE_SECONDS, STANDING_SECONDS = 2, 7.5
TROUBLES = (
    Kill(("api-1",)),
    Double(40, 1),
    Freeze("worker-1", "before_close", STANDING_SECONDS, LEASE_SECONDS),
    Behead("relay"),
    Flush(),
    CutOff(),
    Stop("api-2"),
    Down("broker"),
    Kill(("projections", "scheduler")),
    Crash(("api-1", "api-2"), "after_commit"),
)


class RunningHouse(House):
    """The processes of the journeys, kept running by their own supervisor."""

    def __init__(
        self, system: System, database: Power[postgres.Place], broker: Power[valkey.Place]
    ) -> None:
        self.system, self.database, self.broker = system, database, broker
        self.urls, self.parts = system.urls, NAMES
        self.dsn = system.environment["DATABASE_URL"]
        self.redis_url = system.environment["REDIS_URL"]
        self.place, self.folder = database.place, system.log.parent
        self.settings = read_settings(system.environment)
        self.died_at: list[str] = []
        self.stood_at: list[str] = []

    @override
    def process(self, part: str) -> psutil.Process:
        return self.system.running(part)

    @override
    def server(self, name: Server) -> psutil.Process:
        process = self.database.process if name == "postgres" else self.broker.process
        return psutil.Process(process.pid)

    @override
    def restarted(self, name: Server) -> None:
        if name == "broker":
            self.broker.process.wait()
            self.broker.on()
        eventually(lambda: postgres.answers(self.place), "the database is back")

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


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    system: System,
    postgres_switch: Power[postgres.Place],
    broker_switch: Power[valkey.Place],
) -> None:
    house = RunningHouse(system, postgres_switch, broker_switch)
    staff = Staff(house.urls[1], ADMIN.email, ADMIN.password)
    report = drill(house, staff, TROUBLES, seed=1, pace=Pace(pause_seconds=0.5))
    assert report.faults == (), report
    assert report.stragglers == 0
    assert report.acknowledged
    assert report.repeated, "a killed server leaves answers open"
    assert report.asked_again
    assert (report.stood_at, report.died_at) == (("before_close",), ("after_commit",))
