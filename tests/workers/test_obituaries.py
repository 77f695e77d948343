"""Every job that dies is told of once, however often it is tried (jobs.md §5)."""

from datetime import timedelta
from typing import Any

import msgspec

from ledger.commands.asked import Asked
from ledger.commands.audit import RecordSecurityEvent
from ledger.commands.command import Command, Context
from ledger.commands.connection import FailSync
from ledger.errors import Reason, Refused
from ledger.identity import new_id
from tests.workers.conftest import Room
from tests.workers.test_with_the_ledger import running_ledger
from workers.attempts import Actor, Discarded, attempt
from workers.bank_process import SYNC, failed_sync
from workers.claims import DEATHS_MAX, claim
from workers.database import transaction
from workers.dead_letters import dead_letter_id
from workers.jobs import Job
from workers.obituaries import Obituaries

DOOMED = Actor(
    name="work",
    queue="payments",
    time_limit_seconds=5,
    perform=lambda _run: Discarded(Reason.TIMEOUT),
)


def died(room: Room, subject: str) -> Job:
    job = room.ask(subject=subject)
    attempt(room.frame, DOOMED, job.id)
    return job


def test_a_sync_that_kills_its_workers_is_said_to_have_failed(room: Room) -> None:
    wishes = [room.ask(SYNC, new_id(), arguments={"job_key": each}) for each in ("one", "two")]
    for number, _ in enumerate(range(DEATHS_MAX), 1):
        with transaction(room.pool) as connection:
            for job in wishes[: 2 if number == 1 else 1]:
                assert claim(connection, job.id, room.clock.now, 30) is not None
        room.clock.now += timedelta(minutes=1)
        room.reap()
    attempt(room.frame, msgspec.structs.replace(DOOMED, name=SYNC), wishes[1].id)
    asked: list[tuple[Command, Asked]] = []
    troubles = [Refused(Reason.SERVICE_UNAVAILABLE)]

    def handle(command: Command, _context: Context, asks: Asked) -> None:
        if troubles:
            raise troubles.pop()
        asked.append((command, asks))

    obituaries = Obituaries(room.pool, handle, {SYNC: failed_sync})
    obituaries.tell()
    assert asked == [], "what the ledger cannot take now is told later"
    obituaries.tell()
    assert [type(command) for command, _ in asked] == [FailSync, *[RecordSecurityEvent] * 2]
    assert asked[0][0] == FailSync(
        connection_id=wishes[0].subject_id, job_key="one", reason="internal_server_error", attempt=1
    )
    assert len({each.idempotency for _, each in asked}) == 3


def told(room: Room) -> list[dict[str, Any]]:
    rows = room.rows("SELECT data FROM log.events WHERE name = 'JobDeadLettered' ORDER BY position")
    return [msgspec.json.decode(bytes(data)) for (data,) in rows]


def test_a_dead_letter_is_told_of_once(room: Room) -> None:
    with running_ledger(room.dsn) as ledger:
        obituaries = Obituaries(room.pool, ledger.handle_blocking)
        first = died(room, "one")
        for _ in range(2):
            obituaries.tell()
        room.change("UPDATE work.dead_letters SET told_at = NULL")
        obituaries.tell()
        [envelope] = told(room)
        assert envelope["metadata"]["actor"]["type"] == "system"
        assert envelope["metadata"]["correlation_id"] == "req_test"
        assert envelope["data"]["outcome"] == "failure"
        assert envelope["data"]["details"] == {
            "dead_letter_id": dead_letter_id(first.id),
            "job_id": first.id,
            "queue": "payments",
            "actor": "work",
            "reason": "timeout",
            "attempts": 1,
        }
        died(room, "two")
        obituaries.tell()
        assert len(told(room)) == 2


def test_what_the_ledger_cannot_take_now_is_told_later(room: Room) -> None:
    troubles = [Refused(Reason.SERVICE_UNAVAILABLE)]
    asked: list[str] = []

    def handle(_command: Command, _context: Context, asks: Asked) -> None:
        assert asks.idempotency is not None
        if troubles:
            raise troubles.pop()
        asked.append(asks.idempotency.key)

    jobs = [died(room, subject) for subject in ("one", "two")]
    obituaries = Obituaries(room.pool, handle)
    obituaries.tell()
    assert asked == []
    obituaries.tell()
    assert asked == [dead_letter_id(job.id) for job in jobs]
    obituaries.tell()
    assert len(asked) == 2
