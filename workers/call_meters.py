"""Meters of calls to outside systems: how many, how they went, how long they took, by bucket.

One count for all processes, in the store of the breakers; a store that is away stops nobody.
"""

from collections.abc import Callable
from time import monotonic
from typing import Protocol

import msgspec
import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from typing_extensions import override

LIMITS_MS = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
"""Upper ends of the buckets; what takes longer is in a bucket without end."""
ENDLESS = "inf"
KEY, SPENT = "ledgerbank:calls", "spent_ms"
ANSWER_SECONDS_MAX = 0.5
REST_SECONDS = 5.0


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one kind so far: how many took at most so many ms, and all of them together."""

    provider: str
    operation: str
    outcome: str
    within_ms: dict[int, int]
    calls: int
    spent_ms: int


class CallMeters(Protocol):
    """Counts calls; telling may block."""

    def count(self, provider: str, operation: str, outcome: str, duration_ms: int) -> None:
        """Count one call."""

    def told(self) -> list[Counted]:
        """Return what was counted by all processes."""


class NoCallMeters(CallMeters):
    """Counts nothing: there is no store to count in."""

    @override
    def count(self, provider: str, operation: str, outcome: str, duration_ms: int) -> None:
        return None

    @override
    def told(self) -> list[Counted]:
        return []


class SharedCallMeters(CallMeters):
    """Counts in the store at `url`."""

    def __init__(self, url: str, clock: Callable[[], float] = monotonic) -> None:
        self.store: Redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self.clock, self.resting_until = clock, clock()

    @override
    def count(self, provider: str, operation: str, outcome: str, duration_ms: int) -> None:
        kind = f"{provider}|{operation}|{outcome}"
        limit = next((each for each in LIMITS_MS if duration_ms <= each), ENDLESS)
        with self.store.pipeline(transaction=False) as both:
            both.hincrby(KEY, f"{kind}|{limit}", 1)
            both.hincrby(KEY, f"{kind}|{SPENT}", duration_ms)
            self.asked(both.execute)

    @override
    def told(self) -> list[Counted]:
        figures = self.asked(lambda: self.store.hgetall(KEY)) or {}
        kinds = sorted({name.rpartition("|")[0] for name in figures})
        return [counted(kind, figures) for kind in kinds]

    def asked(self, question: Callable[[], object]) -> dict[str, str] | None:
        """Ask the store; one that fails is left alone for a moment."""
        if self.clock() < self.resting_until:
            return None
        try:
            found = question()
        except (RedisError, OSError) as failure:
            self.resting_until = self.clock() + REST_SECONDS
            structlog.get_logger().warning("calls.not_counted", failure=type(failure).__name__)
            return None
        return found if isinstance(found, dict) else None

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def counted(kind: str, figures: dict[str, str]) -> Counted:
    """Return the calls of one kind, each bucket with those below it."""
    provider, operation, outcome = kind.split("|")
    total, within = 0, dict[int, int]()
    for limit in LIMITS_MS:
        total += int(figures.get(f"{kind}|{limit}", 0))
        within[limit] = total
    return Counted(
        provider=provider,
        operation=operation,
        outcome=outcome,
        within_ms=within,
        calls=total + int(figures.get(f"{kind}|{ENDLESS}", 0)),
        spent_ms=int(figures.get(f"{kind}|{SPENT}", 0)),
    )
