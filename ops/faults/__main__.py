"""`ops/drill`: rounds of faults on a throw-away house of two of everything; exit code 1 for any."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import msgspec

from ops import telemetry
from ops.benches.draw import Draw
from ops.demo import ADMIN
from ops.faults.drill import HEAL_SECONDS, Pace, Report, Staff, drill
from ops.faults.mutants import MUTANTS
from ops.faults.reveals import proofs
from ops.faults.supervised import PARTS, SupervisedHouse, grounds
from ops.faults.trouble import Kill, Trouble, drawn, swept
from ops.verbs.database import seed as seed_demo

ROUNDS = 10
TROUBLES = 12
KINDS = ("api", "worker", "projections", "scheduler")
STAND_SECONDS = 40.0
"""Longer than any lease, and than it takes to notice that one has lapsed."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first round.")
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True,
              help="Each with a seed of its own.")  # fmt: skip
@click.option("--troubles", type=click.IntRange(1), default=TROUBLES, show_default=True,
              help="How many befall the house in a round.")  # fmt: skip
@click.option("--pause", type=float, default=1.0, show_default=True, help="Seconds between them.")
@click.option("--stand", type=float, default=STAND_SECONDS, show_default=True,
              help="Seconds that a stopped part stands still.")  # fmt: skip
@click.option("--heal", type=float, default=HEAL_SECONDS, show_default=True,
              help="Seconds within which all work has to be done afterwards.")  # fmt: skip
@click.option("--kill", "kind", type=click.Choice(KINDS), help="Only kill parts of this kind.")
@click.option("--prove", is_flag=True,
              help="Break every promise, or that of --mutant: each is found out.")  # fmt: skip
@click.option("--sweep", is_flag=True, help="First die at every named step, one after the other.")
@click.option("--mutant", type=click.Choice(list(MUTANTS)),
              help="Break a promise on purpose: the drill has to find out.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Where the throw-away servers keep their data.")  # fmt: skip
def main(  # noqa: PLR0913  # one argument per flag
    *,
    seed: int,
    rounds: int,
    troubles: int,
    pause: float,
    heal: float,
    stand: float,
    kind: str | None,
    sweep: bool,
    prove: bool,
    mutant: str | None,
    folder: Path | None,
) -> None:
    """Kill, stop, wipe and double the parts of a house under load, then judge what is left."""
    telemetry.configure("warning", "text")
    pace = Pace(pause_seconds=pause, heal_seconds=heal)
    if prove:
        sys.exit(proved(folder, list(MUTANTS) if mutant is None else [mutant], pace))
    with house_of(folder, mutant) as (house, staff):
        rows = [(0, each) for each in swept(house)] if sweep else []
        rows += [
            (number, row_of(house, number, troubles, kind, stand))
            for number in range(seed, seed + rounds)
        ]
        reports = [told(drill(house, staff, row, seed=number, pace=pace)) for number, row in rows]
    failed = sum(bool(each.faults) for each in reports)
    done = sum(each.acknowledged for each in reports)
    left = sum(each.stragglers for each in reports)
    print(
        f"{failed} of {len(reports)} rounds failed, {done} commands acknowledged, {left} stragglers"
    )
    sys.exit(1 if failed else 0)


def row_of(
    house: SupervisedHouse, seed: int, count: int, kind: str | None, stand: float
) -> list[Trouble]:
    """Draw the troubles of a round."""
    draw = Draw(seed)
    return [
        drawn(draw, house, stand_seconds=stand) if kind is None else killed(draw, kind)
        for _ in range(count)
    ]


def proved(folder: Path | None, names: list[str], pace: Pace) -> int:
    """Say of every mutant what gave it away; return 1 when one got through, or nothing is wrong."""
    done = []
    for each in proofs(partial(house_of, folder), names, pace):
        print(msgspec.json.encode(each).decode(), flush=True)
        done.append(each)
    caught = sum(each.good for each in done if each.mutant is not None)
    print(f"{caught} of {len(names)} mutants caught, {len(done[-1].found)} faults in a sound house")
    return 0 if done[-1].good and caught == len(names) else 1


def killed(draw: Draw, kind: str) -> Trouble:
    """Draw the end of one part of a kind."""
    return Kill((draw.one([each for each in PARTS if each.startswith(kind)]),))


@contextmanager
def house_of(folder: Path | None, mutant: str | None) -> Iterator[tuple[SupervisedHouse, Staff]]:
    """Run a house with demo people for the length of the block."""
    with grounds(folder) as (deployment, supervisor, broker):
        dsn = deployment.database("drill")
        asyncio.run(seed_demo(deployment.settings(dsn), dsn))
        house = SupervisedHouse(deployment, dsn, supervisor, broker, mutant)
        house.start()
        yield house, Staff(house.urls[0], ADMIN.email, ADMIN.password)


def told(report: Report) -> Report:
    """Say what a round came to."""
    print(msgspec.json.encode(report).decode(), flush=True)
    return report


if __name__ == "__main__":
    main()
