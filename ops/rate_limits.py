"""Settings → rate limits, counted together by all processes of a deployment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from api.rate_counter import RedisCounter
from api.rate_limits import Policies, Policy, RateLimits
from ops.settings import Settings

log = structlog.get_logger()


@asynccontextmanager
async def open_rate_limits(
    settings: Settings, redis_url: str | None
) -> AsyncIterator[RateLimits | None]:
    """Give what limits requests for the length of the block; None when nothing does."""
    if not settings.flags.enable_rate_limiting:
        yield None
        return
    if redis_url is None:
        log.warning("rate_limits.off", reason="REDIS_URL is not set")
        yield None
        return
    counter = RedisCounter(redis_url)
    try:
        yield RateLimits(counter, policies_of(settings), settings.core.index_key)
    finally:
        await counter.close()


def policies_of(settings: Settings) -> Policies:
    """Return how many requests pass in which window."""
    http, window = settings.http, settings.http.rate_limit_window_seconds
    return Policies(
        default=Policy("default", http.rate_limit_requests, window),
        login=Policy("login", http.rate_limit_login_requests, window),
        service=Policy("service", http.rate_limit_service_requests, window),
    )
