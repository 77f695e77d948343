"""What health is told about the outbox, and what answers wait for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from psycopg import AsyncConnection

from schema.postgres import connect_async
from tests.workers.conftest import Room
from tests.workers.log import processing_payment
from tests.workers.test_relay import caught_up, live, relay
from workers.jobs import Job
from workers.outbox import Outbox, job_of, outbox, relay_position

T = TypeVar("T")


def asked(room: Room, question: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with await connect_async(room.dsn, "ledgerbank_app") as connection:
            return await question(connection)

    return asyncio.run(ask())


def test_an_idle_outbox_is_empty(room: Room) -> None:
    assert asked(room, outbox) == Outbox(rows=0, oldest_ms=0)


def test_the_outbox_counts_what_the_relay_has_not_read(room: Room) -> None:
    processing_payment(room.dsn)
    room.change("SELECT pg_sleep(0.05)")
    found = asked(room, outbox)
    assert found.rows == 2
    assert 50 <= found.oldest_ms < 30_000


def test_the_outbox_counts_what_was_not_published(room: Room) -> None:
    processing_payment(room.dsn)
    first = relay(room)
    caught_up(first, live(first))
    room.change("UPDATE work.jobs SET scheduled_at = scheduled_at - interval '90 seconds'")
    found = asked(room, outbox)
    assert found.rows == 1
    assert found.oldest_ms >= 90_000
    room.change("UPDATE work.jobs SET dispatched_at = now()")
    assert asked(room, outbox) == Outbox(rows=0, oldest_ms=0)


def test_answers_about_jobs_wait_for_the_relay(room: Room) -> None:
    payment_id = processing_payment(room.dsn)
    assert asked(room, relay_position) == 0
    first = relay(room)
    caught_up(first, live(first))
    assert asked(room, relay_position) == 2
    job = asked(room, lambda connection: job_of(connection, payment_id))
    assert isinstance(job, Job)
    assert (job.actor, job.subject_id) == ("process_payment", payment_id)
    assert asked(room, lambda connection: job_of(connection, "nobody")) is None
