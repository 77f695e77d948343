"""Reveals: the troubles that bring each broken promise to light, and the proof that they do."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from ops.faults.drill import Pace, Report, Staff, drill
from ops.faults.house import House
from ops.faults.mutants import MUTANTS
from ops.faults.supervised import APIS, PROJECTIONS
from ops.faults.trouble import Crash, Freeze, Kill, Trouble

LEASE_SECONDS, STANDING_SECONDS = 3, 14.0
"""A worker stands still through a lease of its own; a projection through the usual one of 10 s."""
REVEALS: Mapping[str, tuple[Trouble, ...]] = {
    "answer-before-commit": (Kill(APIS),) * 3,
    "key-outside-the-transaction": (Crash(APIS, "after_commit"), *[Kill(APIS)] * 3),
    "checkpoint-before-rows": (Kill(PROJECTIONS),) * 3,
    "no-fencing": (
        Freeze("worker-1", "before_close", STANDING_SECONDS, LEASE_SECONDS),
        Freeze("projections-1", "before_rows", STANDING_SECONDS),
    ),
}
assert REVEALS.keys() == MUTANTS.keys(), "every mutant is found out"
Houses = Callable[[str | None], AbstractContextManager[tuple[House, Staff]]]


class Proof(msgspec.Struct, frozen=True):
    """What a drill found of a house with a broken promise, or of a sound one, by invariant."""

    mutant: str | None
    acknowledged: int
    found: dict[str, int]

    @property
    def good(self) -> bool:
        """Say whether it is as it has to be: what is broken is found, and nothing else."""
        return bool(self.found) == (self.mutant is not None)


def proofs(houses: Houses, names: Sequence[str], pace: Pace) -> Iterator[Proof]:
    """Drill each mutant with what reveals it, and then a sound house with the same."""
    for name in names:
        yield proof(houses, name, REVEALS[name], pace)
    yield proof(houses, None, [each for name in names for each in REVEALS[name]], pace)


def proof(houses: Houses, mutant: str | None, troubles: Sequence[Trouble], pace: Pace) -> Proof:
    """Drill one house."""
    with houses(mutant) as (house, staff):
        report = drill(house, staff, troubles, seed=1, pace=pace)
    return Proof(mutant, report.acknowledged, by_invariant(report))


def by_invariant(report: Report) -> dict[str, int]:
    """Return how many faults were told, by the number of the invariant."""
    return dict(Counter(each.partition(" ")[0] for each in report.faults))
