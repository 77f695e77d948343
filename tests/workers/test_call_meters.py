"""Calls to outside systems are counted over all processes, and counting never stops a call."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from ledger.identity import new_id
from workers.call_meters import SharedCallMeters


@pytest.fixture
def both(valkey: str) -> Iterator[tuple[SharedCallMeters, SharedCallMeters]]:
    """Give the meters of two processes."""
    with closing(SharedCallMeters(valkey)) as one, closing(SharedCallMeters(valkey)) as other:
        yield one, other


def test_what_two_processes_counted_is_one_figure(
    both: tuple[SharedCallMeters, SharedCallMeters],
) -> None:
    provider = f"bank {new_id()}"
    for meters, spent_ms in zip(both * 2, (20, 25, 26, 99_000), strict=True):
        meters.count(provider, "accounts", "answered", spent_ms)
    both[0].count(provider, "accounts", "timeout", 10)
    for meters in both:
        answered, late = [each for each in meters.told() if each.provider == provider]
        assert (answered.calls, answered.spent_ms) == (4, 99_071)
        assert (answered.within_ms[25], answered.within_ms[50], answered.within_ms[10_000]) == (
            2, 3, 3,
        )  # fmt: skip
        assert (late.outcome, late.calls) == ("timeout", 1)


def test_without_its_store_it_stops_nobody() -> None:
    now = [0.0]
    with closing(SharedCallMeters("redis://127.0.0.1:1", clock=lambda: now[0])) as meters:
        meters.count("bank", "accounts", "answered", 1)
        assert meters.resting_until > now[0]
        assert meters.told() == []
