"""GET /api/health…: whether this process is alive, ready and well. Bare JSON, never delayed."""

import asyncio
from time import monotonic, time
from typing import Literal

import msgspec
import psutil

from api.call import Call
from api.callers import ANYONE
from api.endpoint import Endpoint
from api.envelope import encoded, now_text
from api.probes import Check, Probes, judge, visited
from api.reply import Bare

UNWELL = 503
AGAIN = ((b"retry-after", b"1"),)
"""Whoever is told that something is not well may ask again in a second."""
STARTED = monotonic() - (time() - psutil.Process().create_time())
"""When this process started, on the monotonic clock."""


class Health(msgspec.Struct, frozen=True):
    """The short answer."""

    status: Literal["ok"]
    timestamp: str
    version: str
    uptime: int


class Checks(msgspec.Struct, frozen=True):
    """What was asked, and how it answered."""

    database: Check
    broker: Check
    projections: Check
    outbox: Check
    memory: Check
    disk: Check


class Visit(msgspec.Struct, frozen=True):
    """What `ledgerbank doctor` would find, but for the audit of the whole log, check by check."""

    status: Check
    checks: dict[str, Check]


class DetailedHealth(msgspec.Struct, frozen=True):
    """The long answer. `doctor` is half a minute old at most, and null when it cannot look."""

    status: Literal["ok", "degraded"]
    timestamp: str
    version: str
    uptime: int
    checks: Checks
    doctor: Visit | None = None


class ReadyChecks(msgspec.Struct, frozen=True):
    """What has to be well before requests may come."""

    database: Literal["ok", "error"]
    application: Literal["ok", "error"]


class Ready(msgspec.Struct, frozen=True):
    """Whether requests may come."""

    status: Literal["ready", "not_ready"]
    timestamp: str
    checks: ReadyChecks


class Live(msgspec.Struct, frozen=True):
    """Whether the process answers at all."""

    status: Literal["alive"]
    timestamp: str
    uptime: int


def uptime_ms() -> int:
    """Return how long this process has been running."""
    return int((monotonic() - STARTED) * 1000)


async def show_health(call: Call) -> Bare:
    """Say that the process runs, which version, for how long."""
    health = Health("ok", now_text(), call.edge.wire.version, uptime_ms())
    return Bare(body=encoded(health))


async def show_detailed_health(call: Call) -> Bare:
    """Ask every probe; anything but ok degrades the whole. What the doctor says does not."""
    probes = call.use(Probes)
    asking = judge(
        database=probes.database,
        broker=probes.broker,
        projections=probes.projections,
        outbox=probes.outbox,
        memory=probes.memory,
        disk=probes.disk,
    )
    found, seen = await asyncio.gather(asking, visited(probes.doctor))
    checks = Checks(**found)
    well = all(check == "ok" for check in msgspec.structs.astuple(checks))
    status: Literal["ok", "degraded"] = "ok" if well else "degraded"
    version, visit = call.edge.wire.version, None if seen is None else visit_of(seen)
    detailed = DetailedHealth(status, now_text(), version, uptime_ms(), checks, visit)
    return answer(encoded(detailed), well=well)


def visit_of(seen: dict[str, Check]) -> Visit:
    """Return what the doctor saw, and the worst of it."""
    severities: tuple[Check, ...] = ("ok", "warning", "error")
    return Visit(max(seen.values(), key=severities.index, default="ok"), seen)


async def show_readiness(call: Call) -> Bare:
    """Say whether requests may come: the database answers and its schema is ours."""
    probes = call.use(Probes)
    found = await judge(database=probes.database, application=probes.migrated)
    checks = ReadyChecks(
        database="error" if found["database"] == "error" else "ok",
        application="error" if "error" in found.values() else "ok",
    )
    ready = "error" not in found.values()
    status: Literal["ready", "not_ready"] = "ready" if ready else "not_ready"
    body = encoded(Ready(status, now_text(), checks))
    return answer(body, well=ready)


def answer(body: bytes, *, well: bool) -> Bare:
    """Return what a check found, under the status that says how it went."""
    return Bare(body=body) if well else Bare(status=UNWELL, body=body, headers=AGAIN)


async def show_liveness(_: Call) -> Bare:
    """Say that the process answers."""
    return Bare(body=encoded(Live("alive", now_text(), uptime_ms())))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/health",
        handler=show_health,
        who=ANYONE,
        summary="Say that the server runs",
        tag="health",
        data=Health,
        enveloped=False,
        limited=False,
    ),
    Endpoint(
        method="GET",
        path="/api/health/detailed",
        handler=show_detailed_health,
        who=ANYONE,
        summary="Check everything the server needs",
        tag="health",
        data=DetailedHealth,
        unwell=UNWELL,
        enveloped=False,
        limited=False,
    ),
    Endpoint(
        method="GET",
        path="/api/health/ready",
        handler=show_readiness,
        who=ANYONE,
        summary="Say whether requests may come",
        tag="health",
        data=Ready,
        unwell=UNWELL,
        enveloped=False,
        limited=False,
    ),
    Endpoint(
        method="GET",
        path="/api/health/live",
        handler=show_liveness,
        who=ANYONE,
        summary="Say that the process answers",
        tag="health",
        data=Live,
        enveloped=False,
        limited=False,
    ),
)
