"""Troubles: what happens to a house, drawn from a seed so that a run can be had again."""

import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
import psycopg
import structlog

from ops.benches.draw import Draw
from ops.faults.house import House, double_messages, flush_broker
from workers.crashpoints import POINTS

DOUBLED, SEEDS = 40, 1_000_000
GRACE_SECONDS = 30.0
"""How long a part may take to stop."""
GOOD_ENDS = frozenset({0, -signal.SIGTERM, None})
"""A server ends by the signal it was asked with, once its requests are answered."""


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Parts end without a word, all at once."""

    parts: tuple[str, ...]


class Stand(msgspec.Struct, frozen=True, tag="stand"):
    """A part stands still for a while and then goes on, as if nothing had been."""

    part: str
    seconds: float


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """A part is asked to end, in good order and in time."""

    part: str


class Crash(msgspec.Struct, frozen=True, tag="crash"):
    """Workers start anew, to die at a named step; what that step is decides who gets there."""

    parts: tuple[str, ...]
    point: str


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """The broker forgets everything."""


class Double(msgspec.Struct, frozen=True, tag="double"):
    """Messages come again, and in another order; those of jobs that are over, too."""

    count: int
    seed: int


Trouble: TypeAlias = Kill | Stop | Stand | Crash | Flush | Double


def drawn(draw: Draw, house: House, *, stand_seconds: float) -> Trouble:
    """Draw one trouble; what comes more often than others is named more than once."""
    workers = [each for each in house.parts if each.startswith("worker")]
    still = [each for each in house.parts if not each.startswith("api")]
    kinds: tuple[Callable[[], Trouble], ...] = (
        *[lambda: Kill((draw.one(house.parts),))] * 4,
        *[lambda: Stop(draw.one(house.parts))] * 2,
        *[lambda: Double(DOUBLED, draw.below(SEEDS))] * 2,
        lambda: Kill(tuple(workers)),
        Flush,
        lambda: Crash(tuple(workers), draw.one(POINTS)),
        lambda: Stand(draw.one(still), stand_seconds),
    )
    return draw.one(kinds)()


def befall(house: House, trouble: Trouble) -> Iterator[str]:
    """Let a trouble happen; yield what should not have come of it."""
    structlog.get_logger().info("drill.trouble", trouble=msgspec.to_builtins(trouble))
    match trouble:
        case Kill(parts=parts):
            for part in parts:
                house.kill(part)
        case Stop(part=part):
            yield from stopped(house, part)
        case Stand(part=part, seconds=seconds):
            house.signal(part, signal.SIGSTOP)
            house.wait(seconds)
            house.signal(part, signal.SIGCONT)
        case Crash(parts=parts, point=point):
            house.crash(parts, point)
        case Flush():
            flush_broker(house.redis_url)
        case Double(count=count, seed=seed):
            double_messages(house.redis_url, some_jobs(house.dsn, count, seed))


def stopped(house: House, part: str) -> Iterator[str]:
    """Ask a part to end; tell when it takes too long, or ends badly."""
    seconds, code = house.stop(part)
    if seconds > GRACE_SECONDS or code not in GOOD_ENDS:
        yield f"{part} took {seconds:.1f} s to stop, and ended with {code}"


def some_jobs(dsn: str, count: int, seed: int) -> list[tuple[str, str, str]]:
    """Return (queue, actor, job) of some jobs in any state, out of order, each twice."""
    with psycopg.connect(dsn) as connection:
        rows: list[Any] = connection.execute(NEWEST, (count,)).fetchall()
    draw = Draw(seed)
    pile = [*rows, *rows]
    return [pile.pop(draw.below(len(pile))) for _ in range(len(pile))]


NEWEST = "SELECT queue, actor, id::text FROM work.jobs ORDER BY inserted_at DESC LIMIT %s"
