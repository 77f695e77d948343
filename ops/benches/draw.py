"""Draws: choices that look random and are the same in every run."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MULTIPLIER, INCREMENT, MASK = 6_364_136_223_846_793_005, 1_442_695_040_888_963_407, 2**64 - 1
"""The linear congruential generator of Knuth's MMIX."""


class Draw:
    """An endless row of choices."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        """Return a number from 0 to less than `limit`."""
        self.state = (self.state * MULTIPLIER + INCREMENT) & MASK
        return (self.state >> 33) % limit

    def one(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        return choices[self.below(len(choices))]

    def two(self, choices: Sequence[T]) -> tuple[T, T]:
        """Return two different ones of `choices`."""
        first = self.below(len(choices))
        second = (first + 1 + self.below(len(choices) - 1)) % len(choices)
        return choices[first], choices[second]
