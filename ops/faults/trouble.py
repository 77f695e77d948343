"""Troubles: what happens to a house, drawn from a seed so that a run can be had again."""

import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
import psycopg
import structlog

from ops.benches.draw import Draw
from ops.faults.house import House, Office, Server, double_messages, flush_broker
from ops.faults.steps import PLACES, kind_of

DOUBLED, SEEDS = 40, 1_000_000
SWEPT_AT_ONCE = 3
"""While all workers are away work piles up, and it has to be done in the time for healing."""
GRACE_SECONDS = 30.0
"""How long a part may take to stop."""
GOOD_ENDS = frozenset({0, -signal.SIGTERM, None})
"""A server ends by the signal it was asked with, once its requests are answered."""
OFFICES: tuple[Office, ...] = ("relay", "scheduler", "projections")
SERVERS: tuple[Server, ...] = ("postgres", "broker")


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """Parts end without a word, all at once."""

    parts: tuple[str, ...]


class Behead(msgspec.Struct, frozen=True, tag="behead"):
    """Whoever holds an office ends without a word."""

    office: Office


class Stand(msgspec.Struct, frozen=True, tag="stand"):
    """A part stands still for a while and then goes on, as if nothing had been."""

    part: str
    seconds: float


class Freeze(msgspec.Struct, frozen=True, tag="freeze"):
    """A part stands still at a named step, with whatever it holds there, and then goes on."""

    part: str
    point: str
    seconds: float
    lease_seconds: int | None = None


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """A part is asked to end, in good order and in time."""

    part: str


class Crash(msgspec.Struct, frozen=True, tag="crash"):
    """Parts start anew, to die at a named step; what that step is decides who gets there."""

    parts: tuple[str, ...]
    point: str


class Down(msgspec.Struct, frozen=True, tag="down"):
    """A server that everything stands on ends without a word, and is started again."""

    server: Server


class CutOff(msgspec.Struct, frozen=True, tag="cut_off"):
    """One process of PostgreSQL is killed, and so it breaks off all connections and recovers."""


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """The broker forgets everything."""


class Double(msgspec.Struct, frozen=True, tag="double"):
    """Messages come again, and in another order; those of jobs that are over, too."""

    count: int
    seed: int


OfParts: TypeAlias = Kill | Behead | Stand | Freeze | Crash
OfServers: TypeAlias = Down | CutOff | Flush | Double
Trouble: TypeAlias = OfParts | OfServers | Stop


def drawn(draw: Draw, house: House, *, stand_seconds: float) -> Trouble:
    """Draw one trouble; what comes more often than others is named more than once."""
    workers = tuple(each for each in house.parts if each.startswith("worker"))
    kinds: tuple[Callable[[], Trouble], ...] = (
        *[lambda: Kill((draw.one(house.parts),))] * 4,
        *[lambda: Behead(draw.one(OFFICES))] * 2,
        *[lambda: Stop(draw.one(house.parts))] * 2,
        *[lambda: Double(DOUBLED, draw.below(SEEDS))] * 2,
        *[lambda: crash_of(draw, house)] * 3,
        *[lambda: Down(draw.one(SERVERS))] * 2,
        lambda: Kill(workers),
        Flush,
        CutOff,
        lambda: Stand(draw.one(house.parts), stand_seconds),
        lambda: freeze_of(draw, house, stand_seconds),
    )
    return draw.one(kinds)()


def crash_of(draw: Draw, house: House) -> Crash:
    """Draw the end of all parts of a kind at one of its steps."""
    kind = draw.one(tuple(PLACES))
    return Crash(all_of(house, kind), draw.one(PLACES[kind]))


def freeze_of(draw: Draw, house: House, seconds: float) -> Freeze:
    """Draw a part that stands still at one of its steps."""
    part = draw.one(house.parts)
    return Freeze(part, draw.one(PLACES[kind_of(part)]), seconds)


def swept(house: House) -> list[list[Trouble]]:
    """Return the end of all parts of every kind at every named step, in rounds of a few."""
    row = [Crash(all_of(house, kind), point) for kind in PLACES for point in PLACES[kind]]
    return [[*row[first : first + SWEPT_AT_ONCE]] for first in range(0, len(row), SWEPT_AT_ONCE)]


def all_of(house: House, kind: str) -> tuple[str, ...]:
    """Return the parts of a kind."""
    return tuple(each for each in house.parts if kind_of(each) == kind)


def befall(house: House, trouble: Trouble) -> Iterator[str]:
    """Let a trouble happen; yield what should not have come of it."""
    structlog.get_logger().info("drill.trouble", trouble=msgspec.to_builtins(trouble))
    match trouble:
        case Stop(part=part):
            yield from stopped(house, part)
        case Down() | CutOff() | Flush() | Double():
            strike_server(house, trouble)
        case _:
            strike_part(house, trouble)


def strike_part(house: House, trouble: OfParts) -> None:
    """Let a trouble befall parts of a house."""
    match trouble:
        case Kill(parts=parts):
            for part in parts:
                house.kill(part)
        case Behead(office=office):
            house.behead(office)
        case Stand(part=part, seconds=seconds):
            process = house.process(part)
            process.send_signal(signal.SIGSTOP)
            house.wait(seconds)
            process.send_signal(signal.SIGCONT)
        case Freeze(part=part, point=point, seconds=seconds, lease_seconds=lease_seconds):
            house.freeze(part, point, seconds, lease_seconds)
        case Crash(parts=parts, point=point):
            house.crash(parts, point)


def strike_server(house: House, trouble: OfServers) -> None:
    """Let a trouble befall what a house stands on."""
    match trouble:
        case Down(server=server):
            house.down(server)
        case CutOff():
            house.cut_off()
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
