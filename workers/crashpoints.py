"""Crash points: named places between two steps, where tests and drills kill the process."""

import os
import signal
from collections.abc import Callable
from typing import TypeAlias

CrashPoint: TypeAlias = Callable[[str], None]

POINTS = (
    "after_events_read",
    "after_jobs_inserted",
    "after_relay_commit",
    "after_dispatch_marked",
    "after_claim",
    "after_submission_recorded",
    "after_rail_answered",
    "after_payment_completed",
    "after_payment_failed",
    "before_close",
)
"""Every crash point, in the order in which a payment passes them."""


def harmless(point: str) -> None:
    """Pass `point` by: what production does."""
    assert point in POINTS, point


def deadly(armed: str) -> CrashPoint:
    """Return a crash point that kills this process, as `kill -9` does, when it reaches `armed`."""
    assert armed in POINTS, f"no crash point {armed}; there are {', '.join(POINTS)}"

    def crash(point: str) -> None:
        harmless(point)
        if point == armed:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash
