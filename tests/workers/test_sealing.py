"""Sealing as work: in turns, sooner when much was added, and never on top of an altered log."""

from typing import Any

import pytest
import structlog

from ops.settings.generated import signing_key
from schema.signatures import signer_of
from tests.schema.test_sealing import grown
from tests.workers.conftest import Room
from workers.attempts import Completed, Discarded, Run
from workers.jobs import JobState
from workers.sealing import MUCH, Sealing


@pytest.fixture
def sealing(room: Room) -> Sealing:
    return Sealing(room.pool, room.clock, signer_of(signing_key()), 60)


@pytest.fixture
def run(room: Room) -> Run:
    return Run(room.ask("seal_log"))


def sizes(room: Room) -> list[Any]:
    return [size for (size,) in room.rows("SELECT tree_size FROM log.checkpoints ORDER BY 1")]


def test_a_turn_seals_what_is_there(room: Room, sealing: Sealing, run: Run) -> None:
    assert sealing.actor().perform(run) == Completed()
    grown(room.dsn, 4)
    for _ in range(2):
        assert sealing.actor().perform(run) == Completed()
    assert sizes(room) == [4]
    assert (sealing.entry.name, sealing.entry.every_seconds) == (sealing.actor().name, 60)


def test_an_altered_log_is_told_of_and_left_unsealed(
    room: Room, sealing: Sealing, run: Run
) -> None:
    grown(room.dsn, 4)
    room.change("SET session_replication_role = replica; DELETE FROM log.events WHERE version = 2")
    with structlog.testing.capture_logs() as told:
        assert isinstance(sealing.actor().perform(run), Discarded)
    assert [(each["event"], each["position"]) for each in told] == [("log.altered", 2)]
    assert sizes(room) == []


def test_much_is_sealed_before_its_turn(room: Room, sealing: Sealing, run: Run) -> None:
    def asked() -> list[Any]:
        rows = room.rows("SELECT state FROM work.jobs WHERE actor = 'seal_log' AND id <> %s",
                         run.job.id)  # fmt: skip
        return [state for (state,) in rows]

    room.change("UPDATE work.jobs SET state = 'completed', completed_at = now()")
    grown(room.dsn, MUCH - 1)
    sealing.ask_when_grown()
    assert asked() == []
    grown(room.dsn, 1)
    for _ in range(3):
        sealing.ask_when_grown()
        room.clock.pass_ms(1_000)
    assert asked() == [JobState.AVAILABLE]
    sealing.actor().perform(run)
    room.change("UPDATE work.jobs SET state = 'completed', completed_at = now()")
    sealing.ask_when_grown()
    assert asked() == [JobState.COMPLETED]
