"""Troubles: what happens to a house, drawn from a seed so that a run can be had again."""

import signal
from typing import Any, TypeAlias

import msgspec
import psycopg
import structlog

from ops.benches.draw import Draw
from ops.faults.house import House, double_messages, flush_broker
from workers.crashpoints import POINTS

CRASH_SECONDS = 20


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Parts end without a word, all at once."""

    parts: tuple[str, ...]


class Stand(msgspec.Struct, frozen=True, tag="stand"):
    """A part stands still for a while and then goes on, as if nothing had been."""

    part: str
    seconds: float


class Crash(msgspec.Struct, frozen=True, tag="crash"):
    """A worker dies at a named step."""

    part: str
    point: str


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """The broker forgets everything."""


class Double(msgspec.Struct, frozen=True, tag="double"):
    """Messages come again, and in another order; those of jobs that are over, too."""

    count: int
    seed: int


Trouble: TypeAlias = Kill | Stand | Crash | Flush | Double


def drawn(draw: Draw, house: House, *, stand_seconds: float) -> Trouble:
    """Draw one trouble."""
    workers = [each for each in house.parts if each.startswith("worker")]
    match draw.below(10):
        case 0 | 1 | 2 | 3:
            return Kill((draw.one(house.parts),))
        case 4:
            return Kill(tuple(workers))
        case 5:
            return Flush()
        case 6 | 7:
            return Double(40, draw.below(1_000_000))
        case 8:
            return Crash(draw.one(workers), draw.one(POINTS))
        case _:
            still = [each for each in house.parts if not each.startswith("api")]
            return Stand(draw.one(still), stand_seconds)


def befall(house: House, trouble: Trouble) -> None:
    """Let a trouble happen."""
    structlog.get_logger().info("drill.trouble", trouble=msgspec.to_builtins(trouble))
    match trouble:
        case Kill(parts=parts):
            for part in parts:
                house.kill(part)
        case Stand(part=part, seconds=seconds):
            house.signal(part, signal.SIGSTOP)
            house.wait(seconds)
            house.signal(part, signal.SIGCONT)
        case Crash(part=part, point=point):
            house.arm(part, point)
        case Flush():
            flush_broker(house.redis_url)
        case Double(count=count, seed=seed):
            double_messages(house.redis_url, some_jobs(house.dsn, count, seed))


def some_jobs(dsn: str, count: int, seed: int) -> list[tuple[str, str, str]]:
    """Return (queue, actor, job) of some jobs in any state, out of order, each twice."""
    with psycopg.connect(dsn) as connection:
        rows: list[Any] = connection.execute(NEWEST, (count,)).fetchall()
    draw = Draw(seed)
    pile = [*rows, *rows]
    return [pile.pop(draw.below(len(pile))) for _ in range(len(pile))]


NEWEST = "SELECT queue, actor, id::text FROM work.jobs ORDER BY inserted_at DESC LIMIT %s"
