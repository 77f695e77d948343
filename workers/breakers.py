"""Circuit breakers: calls to what keeps failing are paused, by one decision for all processes.

A breaker opens when more than so many calls failed within its window. After a while one call at a
time is let through; when it succeeds the breaker closes, when it fails the pause begins again.
"""

from collections.abc import Callable
from secrets import token_hex
from time import monotonic
from typing import Any, Literal, Protocol

import msgspec
import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from typing_extensions import override

from ledger.errors import Reason
from workers.retries import Failed

PROBE_MS = 30_000
"""How long a probe keeps others away when it never comes back: longer than any call."""
ANSWER_SECONDS_MAX = 0.5
REST_SECONDS = 1.0
NAMES = "ledgerbank:breakers"
KEY = "ledgerbank:breaker:{name}"
KEPT_MS = 86_400_000
log = structlog.get_logger()


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When one breaker opens, and when it is tried again."""

    name: str
    failures_max: int
    window_ms: int
    reset_ms: int


def bank_api(provider: str) -> Breaker:
    """Return the breaker of everything we ask a provider but payments."""
    return Breaker(name=f"bank_api:{provider}", failures_max=5, window_ms=60_000, reset_ms=30_000)


def payment_processor(rail: str) -> Breaker:
    """Return the breaker of payments sent out on a rail."""
    return Breaker(
        name=f"payment_processor:{rail}", failures_max=3, window_ms=45_000, reset_ms=60_000
    )


def notification_service(host: str) -> Breaker:
    """Return the breaker of messages sent to a host."""
    return Breaker(
        name=f"notification_service:{host}", failures_max=10, window_ms=30_000, reset_ms=15_000
    )


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a breaker stands; moments are Unix milliseconds by the store's clock."""

    name: str
    state: Literal["closed", "open", "half_open"]
    failures: int
    threshold: int
    window_ms: int
    reset_ms: int
    opened_at_ms: int | None = None
    next_probe_at_ms: int | None = None


class Breakers(Protocol):
    """All breakers. Every call that is admitted is reported exactly once, with its permit."""

    def admit(self, breaker: Breaker) -> str:
        """Return a permit for one call. Raises `Failed` with how long the pause still is."""

    def report(self, breaker: Breaker, permit: str, *, failed: bool) -> None:
        """Tell how an admitted call went; an answer that refuses is no failure."""

    def standings(self) -> tuple[Standing, ...]:
        """Return how every breaker stands that is known or was ever asked, by name."""

    def close_early(self, name: str) -> None:
        """Close a breaker at somebody's wish."""


class NoBreakers(Breakers):
    """Lets every call pass (ENABLE_CIRCUIT_BREAKER=false)."""

    def __init__(self, known: tuple[Breaker, ...] = ()) -> None:
        self.known = known

    @override
    def admit(self, breaker: Breaker) -> str:
        return ""

    @override
    def report(self, breaker: Breaker, permit: str, *, failed: bool) -> None:
        return None

    @override
    def standings(self) -> tuple[Standing, ...]:
        return tuple(standing_of(each) for each in self.known)

    @override
    def close_early(self, name: str) -> None:
        return None


class SharedBreakers(Breakers):
    """Breakers in the store at `url`; while it is away, every call passes."""

    def __init__(
        self, url: str, known: tuple[Breaker, ...] = (), clock: Callable[[], float] = monotonic
    ) -> None:
        self.known = {each.name: each for each in known}
        self.store: Redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
        self.clock, self.resting_until = clock, clock()
        self.admitting = self.store.register_script(ADMIT)
        self.reporting = self.store.register_script(REPORT)
        self.showing = self.store.register_script(SHOW)

    @override
    def admit(self, breaker: Breaker) -> str:
        permit = token_hex(8)
        wait_ms = self.ask(
            lambda: self.admitting(
                keys=[KEY.format(name=breaker.name)],
                args=[breaker.reset_ms, PROBE_MS, permit],
            )
        )
        if wait_ms:
            raise Failed(Reason.CIRCUIT_BREAKER_OPEN, wait_ms=wait_ms)
        return permit

    @override
    def report(self, breaker: Breaker, permit: str, *, failed: bool) -> None:
        key = KEY.format(name=breaker.name)
        rules: list[Any] = [breaker.failures_max, breaker.window_ms, breaker.reset_ms]
        told: list[Any] = [breaker.name, msgspec.json.encode(breaker), KEPT_MS]
        change = self.ask(
            lambda: self.reporting(
                keys=[key, f"{key}:failures", NAMES],
                args=[*rules, permit, int(failed), *told],
            )
        )
        if change:
            log.warning("breaker.changed", breaker=breaker.name, state=change.decode())

    @override
    def standings(self) -> tuple[Standing, ...]:
        kept = self.ask(lambda: self.store.hvals(NAMES)) or []
        asked = [msgspec.json.decode(each, type=Breaker) for each in kept]
        every = self.known | {each.name: each for each in asked}
        return tuple(self.standing(every[name]) for name in sorted(every))

    def standing(self, breaker: Breaker) -> Standing:
        """Return how one breaker stands; closed, as long as nobody can tell."""
        key = KEY.format(name=breaker.name)
        keys = [key, f"{key}:failures"]
        facts = self.ask(lambda: self.showing(keys=keys, args=[breaker.window_ms]))
        if facts is None:
            return standing_of(breaker)
        now, opened_at, probe_until, failures = facts
        if not opened_at:
            return standing_of(breaker, failures=failures)
        free_at = opened_at + breaker.reset_ms
        return standing_of(
            breaker,
            state="half_open" if free_at <= now else "open",
            failures=failures,
            opened_at_ms=opened_at,
            next_probe_at_ms=max(free_at, probe_until),
        )

    @override
    def close_early(self, name: str) -> None:
        key = KEY.format(name=name)
        self.ask(lambda: self.store.delete(key, f"{key}:failures"))

    def ask(self, question: Callable[[], Any]) -> Any:
        """Ask the store; one that fails is left alone for a moment, and stops nobody."""
        if self.clock() < self.resting_until:
            return None
        try:
            return question()
        except (RedisError, OSError) as failure:
            self.resting_until = self.clock() + REST_SECONDS
            log.warning("breakers.not_shared", failure=type(failure).__name__)
            return None

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def standing_of(breaker: Breaker, **facts: Any) -> Standing:
    """Return how a breaker stands: closed, but for what is known better."""
    closed: dict[str, Any] = {"state": "closed", "failures": 0}
    return Standing(
        name=breaker.name,
        threshold=breaker.failures_max,
        window_ms=breaker.window_ms,
        reset_ms=breaker.reset_ms,
        **{**closed, **facts},
    )


NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""
ADMIT = (
    NOW
    + """
local opened = redis.call('HGET', KEYS[1], 'opened')
if not opened then
    return 0
end
local free = tonumber(opened) + tonumber(ARGV[1])
local taken = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
local wait = math.max(free, taken) - now
if wait > 0 then
    return wait
end
redis.call('HSET', KEYS[1], 'probe', ARGV[3], 'until', string.format('%.0f', now + ARGV[2]))
return 0
"""
)
"""How long to wait in milliseconds, or 0 when the call may be made, perhaps as the probe."""
REPORT = (
    NOW
    + """
local threshold, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local permit, failed = ARGV[4], ARGV[5] == '1'
redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
if redis.call('HGET', KEYS[1], 'opened') then
    if redis.call('HGET', KEYS[1], 'probe') ~= permit then
        return false
    end
    redis.call('DEL', KEYS[1], KEYS[2])
    if not failed then
        return 'closed'
    end
    redis.call('HSET', KEYS[1], 'opened', string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[1], ARGV[8])
    return 'open'
end
if not failed then
    return false
end
redis.call('ZADD', KEYS[2], now, permit)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - window)
redis.call('PEXPIRE', KEYS[2], window)
if redis.call('ZCARD', KEYS[2]) <= threshold then
    return false
end
redis.call('HSET', KEYS[1], 'opened', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return 'open'
"""
)
"""The state that the breaker has just come into, if it has changed."""
SHOW = (
    NOW
    + """
local opened = tonumber(redis.call('HGET', KEYS[1], 'opened') or 0)
local taken = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
return {now, opened, taken, redis.call('ZCOUNT', KEYS[2], now - ARGV[1], '+inf')}
"""
)
"""The store's time, when the breaker opened, until when a probe is under way, recent failures."""
