"""Dispatch: the broker may forget everything; the rows do not."""

import time

import pytest
from structlog.testing import capture_logs

from ledger.errors import Reason
from tests.workers.conftest import Room
from workers.actors import declare_actors
from workers.attempts import Actor, Completed, Run, Verdict
from workers.broker import NAMESPACE, Broker, RedisTransport, Unreachable, build_broker
from workers.claims import claim, complete, try_again
from workers.database import transaction
from workers.dispatch import Dispatcher
from workers.jobs import Job, JobState
from workers.retries import Failure, Retry
from workers.run import start_worker


def dispatcher(room: Room, broker: Broker, window: int = 100) -> Dispatcher:
    return Dispatcher(
        pool=room.pool,
        clock=room.clock,
        transport=RedisTransport(broker),
        queues=("payments", "default"),
        window=window,
    )


def waiting(broker: Broker, queue: str = "payments") -> list[str]:
    """Return the job ids in a queue, in the order of their delivery, duplicates included."""
    return list(RedisTransport(broker).read(f"{NAMESPACE}:{queue}"))


def test_a_due_job_is_published_once(room: Room, broker: Broker) -> None:
    post, job = dispatcher(room, broker), room.ask()
    assert (post.dispatch(), post.dispatch()) == (1, 0)
    assert waiting(broker) == [job.id]


def test_every_queue_gets_its_own_jobs(room: Room, broker: Broker) -> None:
    room.ask(cause="a")
    other = room.ask(cause="b", queue="default")
    assert dispatcher(room, broker).dispatch() == 2
    assert waiting(broker, "default") == [other.id]


def test_the_most_urgent_go_first_and_a_backlog_waits_in_its_rows(
    room: Room, broker: Broker
) -> None:
    ids = {n: room.ask(cause=str(n), priority=n).id for n in (5, 1, 9, 0)}
    post = dispatcher(room, broker, window=2)
    assert (post.dispatch(), post.dispatch()) == (2, 0)
    assert waiting(broker) == [ids[0], ids[1]]
    with transaction(room.pool) as connection:
        claim(connection, ids[0], room.clock.now, 30)
    assert post.dispatch() == 1
    assert waiting(broker)[-1] == ids[5]


def test_a_retry_is_published_when_it_is_due(room: Room, broker: Broker) -> None:
    post, job = dispatcher(room, broker), room.ask()
    post.dispatch()
    with transaction(room.pool) as connection:
        held = claim(connection, job.id, room.clock.now, 30)
        assert held is not None
        try_again(connection, held, Failure(Reason.TIMEOUT), Retry(1000, 4), room.clock.now)
    room.clock.pass_ms(999)
    assert post.dispatch() == 0
    room.clock.pass_ms(1)
    assert post.dispatch() == 1


def test_flushing_redis_loses_nothing(room: Room, broker: Broker) -> None:
    post, jobs = dispatcher(room, broker), [room.ask(cause=str(n)) for n in range(3)]
    post.dispatch()
    broker.client.flushall()
    post.sweep()
    assert post.dispatch() == 0, "patience: a worker may have just fetched them"
    room.clock.pass_ms(5_001)
    post.sweep()
    assert post.dispatch() == 3
    assert sorted(waiting(broker)) == sorted(job.id for job in jobs)


def test_what_the_broker_still_has_is_not_published_again(room: Room, broker: Broker) -> None:
    post, job = dispatcher(room, broker), room.ask()
    post.dispatch()
    room.clock.pass_ms(60_000)
    post.sweep()
    assert post.dispatch() == 0
    assert waiting(broker) == [job.id]


def test_a_job_whose_worker_fetched_it_and_died_is_published_again(
    room: Room, broker: Broker
) -> None:
    post, job = dispatcher(room, broker), room.ask()
    post.dispatch()
    consumer = broker.consume("payments", prefetch=1)
    fetched = next(consumer)
    assert fetched is not None
    assert fetched.args == (job.id,)
    room.clock.pass_ms(5_001)
    post.sweep()
    assert post.dispatch() == 1


def test_finished_jobs_are_never_published(room: Room, broker: Broker) -> None:
    post, job = dispatcher(room, broker), room.ask()
    with transaction(room.pool) as connection:
        held = claim(connection, job.id, room.clock.now, 30)
        assert held is not None
        complete(connection, held, room.clock.now)
    room.clock.pass_ms(60_000)
    post.sweep()
    assert post.dispatch() == 0


def test_a_dead_worker_is_noticed_by_the_sweep(room: Room, broker: Broker) -> None:
    post, job = dispatcher(room, broker), room.ask()
    post.dispatch()
    with transaction(room.pool) as connection:
        claim(connection, job.id, room.clock.now, 30)
    room.clock.pass_ms(30_001)
    with capture_logs() as logs:
        post.sweep()
    assert {"event": "job.worker_died", "job_id": job.id}.items() <= logs[0].items()
    assert post.dispatch() == 1


def test_while_redis_is_away_jobs_wait(room: Room, broker: Broker) -> None:
    away = build_broker("unix:///nowhere/valkey.sock")
    job = room.ask()
    with pytest.raises(Unreachable):
        dispatcher(room, away).dispatch()
    assert dispatcher(room, broker).dispatch() == 1
    assert waiting(broker) == [job.id]
    room.clock.pass_ms(5_001)
    with pytest.raises(Unreachable):
        dispatcher(room, away).sweep()
    away.close()


def test_a_crash_between_mark_and_publish_is_made_good(room: Room, broker: Broker) -> None:
    class Crashed(BaseException):
        pass

    def crash(_point: str) -> None:
        raise Crashed

    job = room.ask()
    dying = Dispatcher(
        pool=room.pool,
        clock=room.clock,
        transport=RedisTransport(broker),
        queues=("payments",),
        crashpoint=crash,
    )
    with pytest.raises(Crashed):
        dying.dispatch()
    assert waiting(broker) == []
    room.clock.pass_ms(5_001)
    post = dispatcher(room, broker)
    post.sweep()
    assert post.dispatch() == 1
    assert waiting(broker) == [job.id]


def test_five_deliveries_are_one_run(room: Room, broker: Broker) -> None:
    """Through a real worker: the same job id five times, on two threads."""
    runs: list[Job] = []

    def perform(run: Run) -> Verdict:
        runs.append(run.job)
        return Completed()

    work = Actor(name="work", queue="payments", time_limit_seconds=300, perform=perform)
    declare_actors(broker, room.frame, [work])
    job = room.ask()
    for _ in range(5):
        RedisTransport(broker).publish("payments", "work", job.id)
    worker = start_worker(broker, "payments", 2)
    broker.join("payments", timeout=10_000)
    worker.stop(timeout=5_000)
    assert [run.id for run in runs] == [job.id]
    assert (room.job(job.id).state, room.job(job.id).attempt) == (JobState.COMPLETED, 1)


def test_an_attempt_past_its_time_limit_is_interrupted(room: Room, broker: Broker) -> None:
    def perform(_run: Run) -> Verdict:
        while True:
            time.sleep(0.01)

    work = Actor(name="work", queue="payments", time_limit_seconds=1, perform=perform)
    declare_actors(broker, room.frame, [work])
    broker.emit_after("process_boot")
    job = room.ask()
    dispatcher(room, broker).dispatch()
    worker = start_worker(broker, "payments", 1)
    broker.join("payments", timeout=10_000)
    worker.stop(timeout=5_000)
    tried = room.job(job.id)
    assert (tried.state, tried.errors[0].reason) == (JobState.RETRYABLE, "timeout")


def test_the_broker_keeps_to_its_own_database_and_delays_nothing(
    room: Room, broker: Broker, valkey: str
) -> None:
    room.ask()
    dispatcher(room, broker).dispatch()
    shared = build_broker(valkey, database=0)
    assert shared.client.keys("*") == []
    assert {NAMESPACE.encode()} == {
        key.split(b":")[0] for key in broker.client.keys("*") if isinstance(key, bytes)
    }
    broker.declare_queue("payments")
    assert broker.delay_queues == set()
    shared.close()
