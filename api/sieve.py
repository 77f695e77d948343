"""A sieve: lets so much of a kind through in a while, and counts what it held back."""

from collections.abc import Callable, Hashable
from time import monotonic

import msgspec

KINDS_MAX = 10_000
"""Of how many kinds it knows; whoever makes up more makes it forget, never grow."""


class Flow(msgspec.Struct):
    """What passed of one kind until the while is over, and what was held back since one passed."""

    until: float = 0.0
    passed: int = 0
    held_back: int = 0


class Sieve:
    """Made once per process; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic, kinds_max: int = KINDS_MAX) -> None:
        self.clock, self.kinds_max = clock, kinds_max
        self.flows: dict[Hashable, Flow] = {}

    def passes(self, kind: Hashable, most: int, seconds: float) -> int | None:
        """Return how many were held back before this one; None when this one is too."""
        now = self.clock()
        flow = self.flows.pop(kind, None) or Flow()
        self.flows[kind] = flow
        while len(self.flows) > self.kinds_max:
            del self.flows[next(iter(self.flows))]
        if now >= flow.until:
            flow.until, flow.passed = now + seconds, 0
        if flow.passed >= most:
            flow.held_back += 1
            return None
        before, flow.held_back = flow.held_back, 0
        flow.passed += 1
        return before
