"""The broker: Dramatiq on Redis, a transport that carries job ids and may lose them."""

from collections.abc import Iterable
from typing import Protocol

import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware.time_limit import TimeLimit
from redis.backoff import NoBackoff
from redis.retry import Retry
from typing_extensions import override

NAMESPACE = "ledgerbank-jobs"
DATABASE = 1
"""The Redis database the broker has for itself: its scripts scan all keys there are."""


class Unreachable(Exception):
    """The broker does not answer; jobs wait in their rows until it does."""


class Transport(Protocol):
    """Carries job ids to workers: at least once, or not at all."""

    def publish(self, queue: str, actor: str, job_id: str) -> None:
        """Hand a job id over; raise `Unreachable` when that may not have worked."""

    def waiting(self, queue: str) -> frozenset[str]:
        """Return the job ids that no worker has fetched yet; raise `Unreachable`."""


class Broker(RedisBroker):
    """A Redis broker without delay queues: delays are kept in PostgreSQL."""

    @override
    def declare_queue(self, queue_name: str) -> None:
        if queue_name in self.queues:
            return
        self.emit_before("declare_queue", queue_name)
        self.queues.add(queue_name)
        self.emit_after("declare_queue", queue_name)


def build_broker(url: str, database: int = DATABASE) -> Broker:
    """Build the broker at `url` (redis://, rediss:// or unix://); connects when first used.

    Dramatiq's own retries are left out: `retries.py` owns them. Heartbeats and maintenance are
    set so that messages of a dead worker come back within a minute.
    """
    pool = redis.ConnectionPool.from_url(
        url, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )
    pool.connection_kwargs["db"] = database
    return Broker(  # type: ignore[no-untyped-call]  # Dramatiq leaves its constructor untyped
        client=redis.Redis(connection_pool=pool),
        middleware=[TimeLimit()],
        namespace=NAMESPACE,
        maintenance_chance=100_000,
        heartbeat_timeout=30_000,
    )


class RedisTransport(Transport):
    """Publishes to and looks into the queues of a broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    @override
    def publish(self, queue: str, actor: str, job_id: str) -> None:
        message = Message[None](
            queue_name=queue, actor_name=actor, args=(job_id,), kwargs={}, options={}
        )
        try:
            self.broker.enqueue(message)
        except redis.RedisError as failure:
            raise Unreachable(str(failure)) from failure

    @override
    def waiting(self, queue: str) -> frozenset[str]:
        try:
            return frozenset(self.read(f"{self.broker.namespace}:{queue}"))
        except redis.RedisError as failure:
            raise Unreachable(str(failure)) from failure

    def read(self, key: str) -> Iterable[str]:
        """Return the job ids in the list `key`."""
        ids = self.broker.client.lrange(key, 0, -1)
        if not ids:
            return []
        messages = self.broker.client.hmget(f"{key}.msgs", ids)
        return [Message.decode(data).args[0] for data in messages if isinstance(data, bytes)]
