"""Settings → the breakers of this deployment, and the panel that shows them to staff."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta

from api.breakers import Breaker, BreakerPanel
from ledger.times import utc_text
from ops.settings import Settings
from workers.breakers import (
    Breaker as Rule,
)
from workers.breakers import (
    Breakers,
    NoBreakers,
    SharedBreakers,
    Standing,
    bank_api,
    payment_processor,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def open_breakers(settings: Settings, redis_url: str | None) -> Iterator[Breakers]:
    """Lend the breakers of this deployment: in its store, or none when they are switched off."""
    if redis_url is None or not settings.flags.enable_circuit_breaker:
        yield NoBreakers(known(settings))
        return
    with closing(SharedBreakers(redis_url, known(settings))) as shared:
        yield shared


@asynccontextmanager
async def open_panel(settings: Settings, redis_url: str | None) -> AsyncIterator[BreakerPanel]:
    """Lend the panel of the breakers."""
    with open_breakers(settings, redis_url) as breakers:
        yield BreakerPanel(
            standings=lambda: [shown(each) for each in breakers.standings()],
            close=breakers.close_early,
        )


def known(settings: Settings) -> tuple[Rule, ...]:
    """Return the breakers that stand before anything has failed."""
    banking, found = settings.banking, list[Rule]()
    if banking.sandbox_bank_url is not None:
        found += [bank_api("sandbox"), payment_processor("sandbox")]
    if banking.monzo_client_id is not None:
        found += [bank_api("monzo")]
    return tuple(found)


def shown(standing: Standing) -> Breaker:
    """Return how a breaker stands, as it goes over the wire."""
    return Breaker(
        name=standing.name,
        state=standing.state,
        failures=standing.failures,
        threshold=standing.threshold,
        window_ms=standing.window_ms,
        reset_ms=standing.reset_ms,
        opened_at=moment(standing.opened_at_ms),
        next_probe_at=moment(standing.next_probe_at_ms),
    )


def moment(milliseconds: int | None) -> str | None:
    """Return Unix milliseconds as text."""
    if milliseconds is None:
        return None
    return utc_text(EPOCH + timedelta(milliseconds=milliseconds))
