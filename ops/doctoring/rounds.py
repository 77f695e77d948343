"""Rounds: what the doctor saw last, looked at again at most every half minute, whoever asks."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

from ops.doctoring.complaint import Severity, worst_of
from ops.doctoring.doctor import glance
from ops.settings import Settings

EVERY_SECONDS = 30.0
TIMEOUT_MS = 2_000
Findings = Mapping[str, Severity]


class Rounds:
    """Walks in a thread; everybody who asks meanwhile is told of the same round."""

    def __init__(self, walk: Callable[[], Findings]) -> None:
        self.walk = walk
        self.begun = 0.0
        self.round: asyncio.Task[Findings] | None = None

    async def latest(self) -> Findings:
        """Return the worst of what each check found; raises what the round has failed with."""
        known = self.round
        if known is None or (known.done() and monotonic() - self.begun >= EVERY_SECONDS):
            self.begun = monotonic()
            known = self.round = asyncio.create_task(asyncio.to_thread(self.walk))
        return await asyncio.shield(known)


def rounds_of(settings: Settings, dsn: str) -> Rounds:
    """Return the rounds of a server."""

    def walk() -> Findings:
        found: dict[str, Severity] = {}
        for each in glance(settings, dsn, statement_timeout_ms=TIMEOUT_MS):
            found[each.check] = worst_of((found.get(each.check, "ok"), each.status))
        return found

    return Rounds(walk)
