"""Circuit breakers as staff see them; where they stand is known to whoever put this together."""

from collections.abc import Callable
from typing import Literal

import msgspec

from api.shapes import Shape, Time


class Breaker(Shape, frozen=True):
    """A breaker: open since when, tried again when; windows are milliseconds."""

    name: str
    state: Literal["closed", "open", "half_open"]
    failures: int
    threshold: int
    window_ms: int
    reset_ms: int
    opened_at: Time | None
    next_probe_at: Time | None


class BreakerPanel(msgspec.Struct, frozen=True):
    """How breakers are looked at and closed; both calls may block."""

    standings: Callable[[], list[Breaker]]
    close: Callable[[str], None]
