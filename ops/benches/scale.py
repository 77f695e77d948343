"""How much is measured: a quick look within a minute, or some minutes for figures to keep."""

import msgspec


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds and seconds per window; how many people, callers, connections and events."""

    rounds: int
    append_seconds: float
    http_seconds: float
    callers: tuple[int, ...] = (1, 16, 64, 256)
    crowd: int = 64
    """Callers and connections of everything that is compared with a floor."""
    owners: int = 100
    accounts_each: int = 10
    log_events: int
    log_rounds: int
    large_account: int
    """Entries of the one account whose past is looked at."""


QUICK = Scale(
    rounds=2,
    append_seconds=0.4,
    http_seconds=0.6,
    log_events=25_000,
    log_rounds=1,
    large_account=20_000,
)
FULL = Scale(
    rounds=5,
    append_seconds=2.0,
    http_seconds=2.0,
    log_events=300_000,
    log_rounds=2,
    large_account=1_000_000,
)
