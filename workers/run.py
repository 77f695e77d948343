"""Run: one worker process, from its first connection to the last job handed back."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Any

import dramatiq
import msgspec
import redis
import structlog
from dramatiq.errors import BrokerConnectionError
from psycopg import Connection

from workers.actors import declare_actors
from workers.attempts import Actor, Count, Frame, uncounted
from workers.broker import Broker, RedisTransport
from workers.crashpoints import CrashPoint, harmless
from workers.database import Clock, Pool, database_clock
from workers.dispatch import Dispatcher
from workers.ear import Ear
from workers.follower import Chore, Follower
from workers.heartbeat import Heartbeat
from workers.presence import Presence
from workers.process_managers import ProcessManager
from workers.relay import Decode, Relay
from workers.retries import Chance, RetryRules
from workers.spans import UNTRACED, Spans

QUEUES: Mapping[str, int] = {"banking": 3, "payments": 2, "notifications": 3, "default": 1}
"""Every queue, and how many jobs of it one process works on at once."""

PROMPT_MS = 50
IDLE_MS = 250
STOP_SECONDS = 25
RESTART_SECONDS = 5


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process is put together from.

    `connect` opens a connection to listen on; `holder` names this process in its leases.
    `queues` are those it works on, with their concurrency; it relays for all queues there are,
    unless `relaying=False` leaves that to other processes.
    """

    pool: Pool
    connect: Callable[[], Connection[Any]]
    broker: Broker
    actors: Sequence[Actor]
    managers: Sequence[ProcessManager]
    decode: Decode
    chance: Chance
    holder: str
    queues: Mapping[str, int]
    rules: RetryRules = RetryRules()
    clock: Clock = database_clock
    crashpoint: CrashPoint = harmless
    lease_seconds: int = 30
    relay_lease_seconds: int = 15
    sweep_seconds: int = 5
    relaying: bool = True
    stop_seconds: int = STOP_SECONDS
    chores: Sequence[Chore] = ()
    count: Count = uncounted
    spans: Spans = UNTRACED


def run(parts: Parts, stop: Event) -> None:
    """Work until `stop`; then finish what is under way, or hand it back."""
    with Presence(parts.connect, parts.holder).shown() as holder:
        heartbeat = Heartbeat(parts.pool, parts.clock, parts.lease_seconds, holder)
        heartbeat.start()
        workers = start_workers(parts, frame_of(parts, heartbeat))
        follow_until(parts, holder, stop)
        stop_workers(workers, parts.stop_seconds)
        heartbeat.hand_back_all()
        heartbeat.stop()
        parts.broker.close()


def frame_of(parts: Parts, heartbeat: Heartbeat) -> Frame:
    """Return what the attempts of this process share."""
    return Frame(
        pool=parts.pool,
        clock=parts.clock,
        heartbeat=heartbeat,
        chance=parts.chance,
        rules=parts.rules,
        crashpoint=parts.crashpoint,
        count=parts.count,
        spans=parts.spans,
    )


def start_workers(parts: Parts, frame: Frame) -> list[dramatiq.Worker]:
    """Start one Dramatiq worker per queue that has actors: a thread pool is a worker's own."""
    declare_actors(parts.broker, frame, parts.actors)
    parts.broker.emit_after("process_boot")
    queues = sorted({actor.queue for actor in parts.actors} & parts.queues.keys())
    return [start_worker(parts.broker, queue, parts.queues[queue]) for queue in queues]


def start_worker(broker: Broker, queue: str, concurrency: int) -> dramatiq.Worker:
    """Start the worker of one queue; it fetches no more than it can begin at once."""
    idle_ms = PROMPT_MS if queue == "payments" else IDLE_MS
    worker = dramatiq.Worker(
        broker, queues={queue}, worker_threads=concurrency, worker_timeout=idle_ms
    )
    worker.queue_prefetch = concurrency
    worker.start()
    return worker


def follow_until(parts: Parts, holder: str, stop: Event) -> None:
    """Follow the log until `stop`; a follower that broke is started anew after a while.

    What broke it (an event nobody can read, say) is in the log; it is never skipped.
    """
    if not parts.relaying:
        stop.wait()
    while not stop.is_set():
        follower = Thread(
            target=follower_of(parts, holder).run, args=(stop,), name="relay", daemon=True
        )
        follower.start()
        follower.join()
        if not stop.is_set():
            structlog.get_logger().error("relay.broke", retry_seconds=RESTART_SECONDS)
            stop.wait(RESTART_SECONDS)


def follower_of(parts: Parts, holder: str) -> Follower:
    """Put the relay of this process together."""
    relay = Relay(
        pool=parts.pool,
        clock=parts.clock,
        decode=parts.decode,
        managers=parts.managers,
        holder=holder,
        lease_seconds=parts.relay_lease_seconds,
        crashpoint=parts.crashpoint,
    )
    dispatcher = Dispatcher(
        pool=parts.pool,
        clock=parts.clock,
        transport=RedisTransport(parts.broker),
        queues=sorted({*QUEUES, *parts.queues}),
        crashpoint=parts.crashpoint,
    )
    return Follower(relay, dispatcher, Ear(parts.connect), parts.sweep_seconds, parts.chores)


def stop_workers(workers: Sequence[dramatiq.Worker], seconds: int) -> None:
    """Stop all workers at once, for at most `seconds`; what they hold after that is handed back."""
    threads = [Thread(target=stop_worker, args=(each, seconds), daemon=True) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 2)


def stop_worker(worker: dramatiq.Worker, seconds: int) -> None:
    """Stop one worker; a broker that is away cannot be told, and need not be."""
    try:
        worker.stop(timeout=seconds * 1000)
    except (redis.RedisError, BrokerConnectionError) as failure:
        structlog.get_logger().warning("broker.unreachable", failure=str(failure))
