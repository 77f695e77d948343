"""A worker room without processes: a pool, a frame whose clock stands still, jobs to try."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from workers.attempts import Frame
from workers.broker import Broker, build_broker
from workers.claims import reap
from workers.database import Pool, database_clock, open_pool, transaction
from workers.heartbeat import Heartbeat
from workers.jobs import Cause, Job, JobWanted, ask, job_by_id


class StandingClock:
    """A clock that moves only when told to; begins at the database's time."""

    def __init__(self, begins: datetime) -> None:
        self.begins = self.now = begins

    def __call__(self, _connection: Connection[Any]) -> datetime:
        return self.now

    def pass_ms(self, milliseconds: int) -> None:
        self.now += timedelta(milliseconds=milliseconds)


class Room:
    """Jobs on a database, tried in this thread."""

    def __init__(self, dsn: str, pool: Pool, clock: StandingClock) -> None:
        self.dsn, self.pool, self.clock = dsn, pool, clock
        self.heartbeat = Heartbeat(pool, clock)
        self.frame = Frame(
            pool=pool, clock=clock, heartbeat=self.heartbeat, chance=lambda _below: 0
        )

    def ask(self, actor: str = "work", subject: str = "one", **wanted: Any) -> Job:
        wish = wanted_of(actor, subject, **wanted)
        with transaction(self.pool) as connection:
            return ask(connection, wish, Cause(correlation_id="req_test"), self.clock.now)

    def job(self, job_id: str) -> Job:
        with transaction(self.pool) as connection:
            job = job_by_id(connection, job_id)
        assert job is not None
        return job

    def reap(self) -> None:
        with transaction(self.pool) as connection:
            reap(connection, self.clock.now)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def change(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement.encode(), values)


def wanted_of(actor: str, subject: str, **wanted: Any) -> JobWanted:
    fields: dict[str, Any] = {
        "actor": actor,
        "queue": "payments",
        "subject_type": "thing",
        "subject_id": subject,
        "cause": subject,
    }
    return JobWanted(**fields | wanted)


@pytest.fixture
def pool(database: str) -> Iterator[Pool]:
    with open_pool(database, 8) as pool:
        yield pool


@pytest.fixture
def room(database: str, pool: Pool) -> Room:
    with pool.connection() as connection:
        return Room(database, pool, StandingClock(database_clock(connection)))


@pytest.fixture
def broker(valkey: str) -> Iterator[Broker]:
    broker = build_broker(valkey)
    broker.client.flushdb()
    yield broker
    broker.client.flushdb()
    broker.close()
