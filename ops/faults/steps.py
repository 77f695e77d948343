"""Steps: every named place where a part of a house can be made to die or to stand still.

Workers pass the places of `workers.crashpoints`; those of the other parts are put around what they
commit when the part starts, so that production knows nothing of them.
"""

import os
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

from ops import work as working
from ops.verbs import run
from projections import runner
from schema import store
from workers import schedule
from workers.crashpoints import POINTS, CrashPoint
from workers.run import Parts

PLACES: Mapping[str, tuple[str, ...]] = {
    "api": ("before_commit", "after_commit"),
    "worker": POINTS,
    "projections": ("before_rows", "after_rows"),
    "scheduler": ("before_turn_ends", "after_turn"),
}
"""The named steps of every kind of part."""


def kind_of(part: str) -> str:
    """Return what kind of part has this name, `worker` of `worker-1`."""
    return part.partition("-")[0]


def standing(armed: str) -> CrashPoint:
    """Return a crash point at which this process stands still, the first time it comes by."""
    left = [armed]

    def stand(point: str) -> None:
        if point in left:
            left.remove(point)
            os.kill(os.getpid(), signal.SIGSTOP)

    return stand


def dying(armed: str) -> CrashPoint:
    """Return a crash point at which this process ends, as by `kill -9`."""

    def die(point: str) -> None:
        if point == armed:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def arm(crashpoint: CrashPoint) -> None:
    """Let whatever kind of part this process becomes pass its named steps."""
    setattr(run, "work", partial(working.work, crashpoint=crashpoint))  # noqa: B010  # the verb's own
    around_commits(crashpoint)
    around_rows(crashpoint)
    around_turns(crashpoint)


def around_commits(crashpoint: CrashPoint) -> None:
    """Pass by before and after the events of commands are committed; an answer comes later."""
    commit = store.LogStore.commit

    async def watched(self: store.LogStore, staged: Any) -> None:
        crashpoint("before_commit")
        await commit(self, staged)
        crashpoint("after_commit")

    setattr(store.LogStore, "commit", watched)  # noqa: B010  # watched from outside


def around_rows(crashpoint: CrashPoint) -> None:
    """Pass by before and after the rows of read models are committed."""
    commit = runner.Runner.commit

    def watched(self: runner.Runner, *arguments: Any) -> None:
        crashpoint("before_rows")
        commit(self, *arguments)
        crashpoint("after_rows")

    setattr(runner.Runner, "commit", watched)  # noqa: B010  # watched from outside


def around_turns(crashpoint: CrashPoint) -> None:
    """Pass by when the leader has asked for work and not committed, and when it has."""
    serve, turn = schedule.Scheduler.serve, schedule.Scheduler.turn

    def watched_serve(self: schedule.Scheduler, *arguments: Any) -> Any:
        found = serve(self, *arguments)
        crashpoint("before_turn_ends")
        return found

    def watched_turn(self: schedule.Scheduler) -> float:
        found = turn(self)
        crashpoint("after_turn")
        return found

    setattr(schedule.Scheduler, "serve", watched_serve)  # noqa: B010  # watched from outside
    setattr(schedule.Scheduler, "turn", watched_turn)  # noqa: B010  # watched from outside


def shorten(seconds: int) -> None:
    """Let a worker hold what it holds for so long only, unless it renews it."""
    shorter = partial(Parts, lease_seconds=seconds, relay_lease_seconds=seconds)
    setattr(working, "Parts", shorter)  # noqa: B010  # what the worker is put together from
