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
OF_BANKS = (
    "after_tokens_answered",
    "after_tokens_kept",
    "after_bank_page",
    "after_bank_read",
    "after_tokens_revoked",
)
"""Those that the work with outside banks passes."""
ALL = (*POINTS, *OF_BANKS)


def harmless(point: str) -> None:
    """Pass `point` by: what production does."""
    assert point in ALL, point


def deadly(armed: str) -> CrashPoint:
    """Return a crash point that kills this process, as `kill -9` does, when it reaches `armed`."""
    assert armed in ALL, f"no crash point {armed}; there are {', '.join(ALL)}"

    def crash(point: str) -> None:
        harmless(point)
        if point == armed:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash
