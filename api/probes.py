"""Probes: small questions whose answers are ok, warning or error (config.md §3)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from shutil import disk_usage
from time import monotonic
from typing import Literal, TypeAlias

import msgspec
import psutil

Check: TypeAlias = Literal["ok", "warning", "error"]
Probe: TypeAlias = Callable[[], Awaitable[Check]]

PROBE_SECONDS_MAX = 2.0
SLOW_SECONDS = 0.5
LAG_SECONDS = 10.0
OUTBOX_ROWS, OUTBOX_SECONDS, OUTBOX_SECONDS_MAX = 1_000, 60.0, 600.0
RESIDENT_BYTES = 1_000_000_000
MEMORY_SHARE_MAX = 0.9
FREE_SHARE, FREE_SHARE_MIN = 0.10, 0.02
CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class Probes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything health asks. `migrated` is an error while migrations are pending.

    `doctor` tells the worst that each check of `ledgerbank doctor` has found a moment ago.
    """

    database: Probe
    broker: Probe
    projections: Probe
    outbox: Probe
    memory: Probe
    disk: Probe
    migrated: Probe
    doctor: Callable[[], Awaitable[Mapping[str, Check]]]


async def judge(**probes: Probe) -> dict[str, Check]:
    """Ask all probes at once; one that fails or takes too long is an error."""
    asked = (asyncio.wait_for(probe(), PROBE_SECONDS_MAX) for probe in probes.values())
    answers = await asyncio.gather(*asked, return_exceptions=True)
    pairs = zip(probes, answers, strict=True)
    return {name: "error" if isinstance(each, BaseException) else each for name, each in pairs}


async def visited(doctor: Callable[[], Awaitable[Mapping[str, Check]]]) -> dict[str, Check] | None:
    """Return what the doctor has found; None when that cannot be told in time."""
    try:
        return dict(await asyncio.wait_for(doctor(), PROBE_SECONDS_MAX))
    except Exception:  # noqa: BLE001  # whatever keeps the doctor away, health is told without
        return None


def timed(reach: Callable[[], Awaitable[object]]) -> Probe:
    """Probe something that should answer quickly, such as `SELECT 1`."""

    async def probe() -> Check:
        started = monotonic()
        await reach()
        return "ok" if monotonic() - started <= SLOW_SECONDS else "warning"

    return probe


def reachable(reach: Callable[[], Awaitable[object]]) -> Probe:
    """Probe something that only has to be there, such as the broker."""

    async def probe() -> Check:
        await reach()
        return "ok"

    return probe


def projections(measure: Callable[[], Awaitable[tuple[bool, float]]]) -> Probe:
    """Probe the read models: whether one has failed, and the largest lag in seconds."""

    async def probe() -> Check:
        failed, lag_seconds = await measure()
        if failed:
            return "error"
        return "ok" if lag_seconds <= LAG_SECONDS else "warning"

    return probe


def outbox(measure: Callable[[], Awaitable[tuple[int, float]]]) -> Probe:
    """Probe the outbox: rows waiting, and the age of the oldest in seconds."""

    async def probe() -> Check:
        rows, oldest_seconds = await measure()
        if oldest_seconds > OUTBOX_SECONDS_MAX:
            return "error"
        waiting = rows > OUTBOX_ROWS or oldest_seconds > OUTBOX_SECONDS
        return "warning" if waiting else "ok"

    return probe


def memory() -> Probe:
    """Probe the resident memory of this process."""
    process, limit = psutil.Process(), container_limit()

    async def probe() -> Check:
        resident = process.memory_info().rss
        if limit is not None and resident > limit * MEMORY_SHARE_MAX:
            return "error"
        return "ok" if resident <= RESIDENT_BYTES else "warning"

    return probe


def container_limit() -> int | None:
    """Return how much memory the container may use; None outside of one."""
    for path in CONTAINER_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdecimal():
            limit = int(text)
            return limit if limit < psutil.virtual_memory().total else None
    return None


def disk(folder: Path) -> Probe:
    """Probe the free space where the data lies."""

    async def probe() -> Check:
        usage = await asyncio.to_thread(disk_usage, folder)
        free = usage.free / usage.total
        if free < FREE_SHARE_MIN:
            return "error"
        return "ok" if free >= FREE_SHARE else "warning"

    return probe
