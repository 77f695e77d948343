"""Presence: the work of a process that is dead is found long before its leases lapse."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import Connection

from schema.codec import decode_envelope
from schema.postgres import connect
from tests.workers.conftest import Room
from tests.workers.test_jobs import reaped
from workers.claims import Claim, LeaseLost, claim, complete
from workers.database import transaction
from workers.jobs import Job
from workers.presence import UNSEEN_SECONDS, Presence
from workers.relay import Relay
from workers.schedule import Entry, Scheduler

UNSEEN_MS = UNSEEN_SECONDS * 1000


@pytest.fixture
def presence(room: Room) -> Iterator[Presence]:
    """Give a process that lives."""
    found = Presence(opener(room), "here/1")
    found.tell()
    yield found
    found.close()


def opener(room: Room) -> Callable[[], Connection[Any]]:
    return lambda: connect(room.dsn, "ledgerbank_app")


def held(room: Room, presence: Presence) -> tuple[Job, Claim]:
    job = room.ask()
    with transaction(room.pool) as connection:
        found = claim(connection, job.id, room.clock.now, 30, presence.holder)
    assert found is not None
    return job, found


def ended(room: Room, presence: Presence) -> None:
    """See a connection end, as it does with its process."""
    assert presence.connection is not None
    pid = presence.connection.info.backend_pid
    presence.connection.close()
    while room.rows("SELECT FROM pg_stat_activity WHERE pid = %s", pid):
        pass


def test_the_job_of_a_dead_process_is_taken_back_and_its_late_word_does_not_count(
    room: Room, presence: Presence
) -> None:
    job, late = held(room, presence)
    ended(room, presence)
    assert reaped(room) == []
    room.clock.pass_ms(UNSEEN_MS + 1_000)
    assert [each.id for each in reaped(room)] == [job.id]
    with pytest.raises(LeaseLost), transaction(room.pool) as connection:
        complete(connection, late, room.clock.now)


def test_a_process_that_stands_still_keeps_its_lease(room: Room, presence: Presence) -> None:
    job, _ = held(room, presence)
    room.clock.pass_ms(29_000)
    assert reaped(room) == []
    room.clock.pass_ms(1_001)
    assert [each.id for each in reaped(room)] == [job.id]


def test_a_process_that_lost_its_connection_is_there_again(room: Room, presence: Presence) -> None:
    held(room, presence)
    ended(room, presence)
    presence.tell()
    assert presence.connection is None
    presence.tell()
    room.clock.pass_ms(UNSEEN_MS + 1_000)
    assert reaped(room) == []


def test_the_relay_of_a_dead_process_is_taken_over_at_once(room: Room, presence: Presence) -> None:
    def relay(holder: str) -> Relay:
        return Relay(
            pool=room.pool, clock=room.clock, decode=decode_envelope, managers=[], holder=holder
        )

    token = relay(presence.holder).acquire()
    assert relay("other").acquire() is None
    ended(room, presence)
    assert token is not None
    assert relay("other").acquire() == token + 1


def test_a_dead_leader_is_replaced_at_once(room: Room, presence: Presence) -> None:
    entries = [Entry("count_stars", 60)]

    def scheduler(holder: str) -> Scheduler:
        return Scheduler(pool=room.pool, clock=room.clock, entries=entries, holder=holder)

    scheduler(presence.holder).turn()
    scheduler("other").turn()
    assert room.rows("SELECT holder FROM work.scheduler") == [(presence.holder,)]
    ended(room, presence)
    scheduler("other").turn()
    assert room.rows("SELECT holder FROM work.scheduler") == [("other",)]
