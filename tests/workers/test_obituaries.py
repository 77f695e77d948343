"""Every job that dies is told of once, however often it is tried (jobs.md §5)."""

from typing import Any

import msgspec

from ledger.commands.asked import Asked
from ledger.commands.command import Command, Context
from ledger.errors import Reason, Refused
from tests.workers.conftest import Room
from tests.workers.test_with_the_ledger import running_ledger
from workers.attempts import Actor, Discarded, attempt
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
