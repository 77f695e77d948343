"""Says the same thing once per period, however often there is reason to."""

from collections.abc import Callable
from time import monotonic


class Seldom:
    """Counts occasions; `clock` tells seconds that only go forward."""

    def __init__(self, period_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.period_seconds, self.clock = period_seconds, clock
        self.due_at = clock()
        self.occasions = 0

    def due(self) -> int:
        """Return how many occasions there were since the last line, this one included; 0: hush."""
        self.occasions += 1
        now = self.clock()
        if now < self.due_at:
            return 0
        counted, self.occasions, self.due_at = self.occasions, 0, now + self.period_seconds
        return counted
