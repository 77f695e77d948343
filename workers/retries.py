"""Retries: what follows a failed attempt, by the category of its failure (jobs.md §3). Pure."""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ledger.errors import Category, Reason


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt failed; `wait_ms` is what the other side asked us to wait."""

    reason: Reason
    wait_ms: int | None = None

    @property
    def category(self) -> Category:
        """Return the category of the reason: it decides whether trying again can help."""
        return self.reason.fact.category


class Failed(Exception):
    """An attempt that broke, with its catalogued reason. Seen by the worker frame only."""

    def __init__(self, reason: Reason, wait_ms: int | None = None) -> None:
        super().__init__(reason)
        self.failure = Failure(reason, wait_ms)


class Tally(msgspec.Struct, frozen=True):
    """What a job has behind it: failures that count, and the sum of the waits that do not."""

    failures: int
    deferred_ms: int


class Retry(msgspec.Struct, frozen=True):
    """Try again after `delay_ms`; the failure counts."""

    delay_ms: int
    max_attempts: int


class Defer(msgspec.Struct, frozen=True):
    """Try again after `delay_ms`; the failure does not count."""

    delay_ms: int
    max_attempts: int


class GiveUp(msgspec.Struct, frozen=True):
    """No further try."""

    max_attempts: int


Step: TypeAlias = Retry | Defer | GiveUp

Chance: TypeAlias = Callable[[int], int]
"""Returns a whole number from 0 up to, but not including, its argument."""


class RetryRules(msgspec.Struct, frozen=True, kw_only=True):
    """The delay before each retry, by category, and how long uncounted waits may add up."""

    external_ms: tuple[int, ...] = (1000, 2000, 4000)
    system_ms: tuple[int, ...] = (500, 1000)
    defer_ms: int = 1000
    deferred_max_ms: int = 15 * 60 * 1000
    jitter_percent: int = 25

    def delays_of(self, category: Category) -> tuple[int, ...]:
        """Return the delays before the retries that `category` deserves."""
        match category:
            case Category.EXTERNAL_DEPENDENCY:
                return self.external_ms
            case Category.SYSTEM:
                return self.system_ms
            case _:
                return ()


UNCOUNTED = frozenset({Reason.PROVIDER_RATE_LIMITED, Reason.CIRCUIT_BREAKER_OPEN})
"""Failures that say "later" and not "no"."""


def backoff(base_ms: int, retries: int, multiplier: Decimal = Decimal(2)) -> tuple[int, ...]:
    """Return `retries` delays, each `multiplier` times the one before it."""
    return tuple(int(base_ms * multiplier**n) for n in range(retries))


def step_after(failure: Failure, tally: Tally, rules: RetryRules, chance: Chance) -> Step:
    """Say what follows `failure` of a job that has `tally` behind it."""
    delays = rules.delays_of(failure.category)
    max_attempts = 1 + len(delays)
    if failure.reason in UNCOUNTED:
        return deferred(failure, tally, rules, chance)
    if tally.failures >= len(delays):
        return GiveUp(max_attempts)
    return Retry(jittered(delays[tally.failures], rules, chance), max_attempts)


def deferred(failure: Failure, tally: Tally, rules: RetryRules, chance: Chance) -> Step:
    """Wait as long as we were asked to, unless the waits add up to too much."""
    max_attempts = 1 + len(rules.delays_of(failure.category))
    delay_ms = jittered(failure.wait_ms or rules.defer_ms, rules, chance)
    if tally.deferred_ms + delay_ms > rules.deferred_max_ms:
        return GiveUp(max_attempts)
    return Defer(delay_ms, max_attempts)


def jittered(delay_ms: int, rules: RetryRules, chance: Chance) -> int:
    """Return `delay_ms` with its random share on top, so that retries do not march in step."""
    return delay_ms + chance(delay_ms * rules.jitter_percent // 100 + 1)
