"""Retries by category, to the millisecond."""

from decimal import Decimal

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from ledger.errors import Category, Reason
from workers.retries import (
    Defer,
    Failure,
    GiveUp,
    Retry,
    RetryRules,
    Tally,
    backoff,
    jittered,
    step_after,
)

RULES = RetryRules()
MINUTE_MS = 60_000


def no_jitter(_below: int) -> int:
    return 0


@pytest.mark.parametrize(
    ("failures", "step"),
    [(0, Retry(1000, 4)), (1, Retry(2000, 4)), (2, Retry(4000, 4)), (3, GiveUp(4))],
)
def test_an_outside_system_gets_three_retries(failures: int, step: Retry | GiveUp) -> None:
    failure = Failure(Reason.PAYMENT_PROVIDER_ERROR)
    assert step == step_after(failure, Tally(failures, 0), RULES, no_jitter)


@pytest.mark.parametrize(
    ("failures", "step"), [(0, Retry(500, 3)), (1, Retry(1000, 3)), (2, GiveUp(3))]
)
def test_our_own_faults_get_two_retries(failures: int, step: Retry | GiveUp) -> None:
    failure = Failure(Reason.DATABASE_ERROR)
    assert step == step_after(failure, Tally(failures, 0), RULES, no_jitter)


@pytest.mark.parametrize(
    "reason",
    [r for r in Reason if r.fact.category not in {Category.SYSTEM, Category.EXTERNAL_DEPENDENCY}],
)
def test_everything_else_gets_none(reason: Reason) -> None:
    assert GiveUp(1) == step_after(Failure(reason), Tally(0, 0), RULES, no_jitter)


def test_the_last_category_seen_decides_how_often() -> None:
    """Three outside failures are allowed a fourth try; a fault of ours ends it there."""
    assert GiveUp(3) == step_after(Failure(Reason.DATABASE_ERROR), Tally(3, 0), RULES, no_jitter)


@pytest.mark.parametrize("reason", [Reason.PROVIDER_RATE_LIMITED, Reason.CIRCUIT_BREAKER_OPEN])
def test_being_asked_to_wait_does_not_count(reason: Reason) -> None:
    step = step_after(Failure(reason, 7000), Tally(3, 0), RULES, no_jitter)
    assert step == Defer(7000, 4)


def test_waits_add_up_to_a_quarter_of_an_hour_at_most() -> None:
    failure = Failure(Reason.PROVIDER_RATE_LIMITED, MINUTE_MS)
    assert Defer(MINUTE_MS, 4) == step_after(failure, Tally(0, 14 * MINUTE_MS), RULES, no_jitter)
    assert GiveUp(4) == step_after(failure, Tally(0, 14 * MINUTE_MS + 1), RULES, no_jitter)


@forall(delay_ms=st.integers(1, 10**7), share=st.integers(0, 100))
def test_jitter_adds_up_to_a_quarter(delay_ms: int, share: int) -> None:
    drawn = jittered(delay_ms, RULES, lambda below: (below - 1) * share // 100)
    assert delay_ms <= drawn <= delay_ms + delay_ms // 4


def test_jitter_reaches_exactly_a_quarter() -> None:
    assert jittered(1000, RULES, lambda below: below - 1) == 1250
    assert jittered(0, RULES, lambda below: below - 1) == 0


def test_backoff_multiplies() -> None:
    assert backoff(1000, 3) == (1000, 2000, 4000) == RULES.external_ms
    assert backoff(500, 2) == (500, 1000) == RULES.system_ms
    assert backoff(100, 3, Decimal("1.5")) == (100, 150, 225)
    assert backoff(100, 0) == ()
