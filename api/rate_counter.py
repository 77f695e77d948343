"""Counting requests in Redis: one atomic script, one round trip for all who ask meanwhile.

A window is a list of the times of its requests, oldest first, by the store's own clock, so that
all processes see the same window slide. Nothing of it outlives its window.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from typing_extensions import override

from api.rate_limits import MILLISECONDS, Count, Counter, Standing
from api.seldom import Seldom

ANSWER_SECONDS_MAX = 0.25
"""How long a request may be held up by a store that does not answer."""
REST_SECONDS = 1.0
"""How long a store that failed is left alone; until then every request passes at once."""
LINE_SECONDS = 60.0
TOGETHER_MAX = 128
FACTS = 5
KEY = "ledgerbank:rate:{name}:{subject}"
FAILURES = (RedisError, OSError, TimeoutError)
log = structlog.get_logger()

Waiting = list[tuple[Count, "asyncio.Future[Standing | None]"]]


class RedisCounter(Counter):
    """Counts in the store at `url` (redis://, rediss:// or unix://); connects when first used."""

    def __init__(self, url: str, clock: Callable[[], float] = monotonic) -> None:
        self.store: Redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
            retry=Retry(NoBackoff(), 0),
        )
        self.script = self.store.register_script(SCRIPT)
        self.clock = clock
        self.resting_until = clock()
        self.complaint = Seldom(LINE_SECONDS, clock)
        self.waiting: Waiting = []
        self.asking: asyncio.Task[None] | None = None

    @override
    async def ask(self, count: Count) -> Standing | None:
        if self.clock() < self.resting_until:
            return None
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((count, future))
        if self.asking is None:
            self.asking = asyncio.create_task(self.ask_together())
        standing: Standing | None = await future
        return standing

    async def ask_together(self) -> None:
        """Ask for everybody who waits, until nobody does."""
        while self.waiting:
            asked, self.waiting = self.waiting[:TOGETHER_MAX], self.waiting[TOGETHER_MAX:]
            standings: Sequence[Standing | None] = [None] * len(asked)
            try:
                if self.clock() >= self.resting_until:
                    standings = await self.tell([count for count, _ in asked])
            finally:
                for (_, future), standing in zip(asked, standings, strict=True):
                    if not future.done():
                        future.set_result(standing)
        self.asking = None

    async def tell(self, counts: Sequence[Count]) -> Sequence[Standing | None]:
        """Ask the store; one that fails is left alone for a moment, and said so now and then."""
        keys = [KEY.format(name=each.policy.name, subject=each.subject) for each in counts]
        arguments = [
            fact
            for each in counts
            for fact in (
                each.policy.requests,
                each.policy.window_seconds * MILLISECONDS,
                each.requests,
            )
        ]
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS_MAX):
                facts = await self.script(keys=keys, args=arguments)
        except FAILURES as failure:
            self.resting_until = self.clock() + REST_SECONDS
            if failures := self.complaint.due():
                kind = type(failure).__name__
                log.warning("rate_limits.not_counted", failure=kind, failures=failures)
            return [None] * len(counts)
        return [
            Standing(facts[at] == 1, *facts[at + 1 : at + FACTS])
            for at in range(0, len(facts), FACTS)
        ]

    async def close(self) -> None:
        """Let go of the store."""
        await self.store.aclose()


SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local facts = {}
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local requests = tonumber(ARGV[3 * i])
    if requests < 0 then
        redis.call('RPOP', key)
    end
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - window do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local counted = redis.call('LLEN', key)
    local passed = 1
    if requests > 0 then
        if counted < limit then
            redis.call('RPUSH', key, string.format('%.0f', now))
            redis.call('PEXPIRE', key, window)
            counted, oldest = counted + 1, oldest or now
        else
            passed = 0
        end
    end
    local leaves, free = now, now
    if oldest then
        leaves = tonumber(oldest) + window
    end
    if counted >= limit then
        free = tonumber(redis.call('LINDEX', key, counted - limit)) + window
    end
    for _, fact in ipairs({passed, counted, now, leaves, free}) do
        facts[#facts + 1] = fact
    end
end
return facts
"""
"""Per key the limit, the window in milliseconds and how many requests; see `Standing`."""
