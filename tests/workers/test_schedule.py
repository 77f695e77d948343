"""The schedule: every turn asked for once, by one leader, and none forgotten (jobs.md §6)."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event, Thread

import psycopg
import pytest

from tests.workers.conftest import Room
from workers.schedule import Entry, Scheduler

OFTEN, SELDOM = Entry("often", 5), Entry("seldom", 60)
Lead = Callable[..., Scheduler]


@pytest.fixture
def lead(room: Room) -> Lead:
    def scheduler(holder: str = "one", entries: Sequence[Entry] = (OFTEN, SELDOM)) -> Scheduler:
        return Scheduler(pool=room.pool, clock=room.clock, entries=entries, holder=holder)

    return scheduler


def asked(room: Room) -> dict[str, int]:
    rows = room.rows("SELECT actor, count(*) FROM work.jobs GROUP BY actor")
    return {actor: int(count) for actor, count in rows}


def done(room: Room) -> None:
    """Let everything that was asked for be over."""
    room.change("UPDATE work.jobs SET state = 'completed', completed_at = now()")


def test_a_new_entry_is_due_at_once_and_then_in_its_turn(room: Room, lead: Lead) -> None:
    scheduler = lead()
    assert scheduler.turn() == 5
    assert asked(room) == {"often": 1, "seldom": 1}
    [row] = room.rows(SEEN, "often")
    assert row[:3] == ("default", "schedule", "often")
    assert len(row[3]) == len("req_") + 32
    done(room)
    room.clock.pass_ms(4_999)
    assert scheduler.turn() == pytest.approx(0.001)
    assert asked(room) == {"often": 1, "seldom": 1}
    room.clock.pass_ms(1)
    scheduler.turn()
    assert asked(room) == {"often": 2, "seldom": 1}


def test_turns_that_were_missed_are_made_up_for_by_one(room: Room, lead: Lead) -> None:
    scheduler = lead()
    scheduler.turn()
    done(room)
    room.clock.pass_ms(3_600_000 + 2_000)
    assert scheduler.turn() == 3
    assert asked(room) == {"often": 2, "seldom": 2}
    [(due,)] = room.rows("SELECT due_at FROM work.schedules WHERE name = 'often'")
    assert due == room.clock.begins + timedelta(seconds=3_605)


def test_a_turn_is_not_asked_for_while_the_one_before_is_open(room: Room, lead: Lead) -> None:
    scheduler = lead(entries=[OFTEN])
    for _ in range(3):
        scheduler.turn()
        room.clock.pass_ms(5_000)
    assert asked(room) == {"often": 1}
    done(room)
    scheduler.turn()
    assert asked(room) == {"often": 2}


def test_one_of_several_leads(room: Room, lead: Lead) -> None:
    one, two = lead("one"), lead("two")
    one.turn()
    done(room)
    for _ in range(4):
        room.clock.pass_ms(5_000)
        assert two.turn() == 5
        one.turn()
        done(room)
    assert asked(room) == {"often": 5, "seldom": 1}
    assert room.rows("SELECT holder FROM work.scheduler") == [("one",)]


def test_a_lost_leader_is_replaced_and_leads_no_more(room: Room, lead: Lead) -> None:
    one, two = lead("one"), lead("two")
    one.turn()
    done(room)
    room.clock.pass_ms(15_000)
    assert two.turn() == 5
    assert asked(room)["often"] == 1
    room.clock.pass_ms(1)
    two.turn()
    assert asked(room)["often"] == 2
    done(room)
    room.clock.pass_ms(5_000)
    one.turn()
    assert asked(room)["often"] == 2
    assert room.rows("SELECT holder FROM work.scheduler") == [("two",)]


def test_a_leader_that_stops_gives_way_at_once(room: Room, lead: Lead) -> None:
    one, two = lead("one"), lead("two")
    one.turn()
    two.give_way()
    assert room.rows("SELECT lease_until > %s FROM work.scheduler", room.clock.now) == [(True,)]
    one.give_way()
    room.clock.pass_ms(1)
    two.turn()
    assert room.rows("SELECT holder FROM work.scheduler") == [("two",)]


def test_an_outage_is_waited_out(room: Room, lead: Lead) -> None:
    scheduler, stop = lead(), Event()
    room.change("ALTER TABLE work.jobs RENAME TO away")
    with pytest.raises(psycopg.Error):
        scheduler.turn()
    assert room.rows("SELECT holder FROM work.scheduler") == [("",)]
    assert room.rows("SELECT FROM work.schedules") == []
    thread = Thread(target=scheduler.run, args=(stop,))
    thread.start()
    stop.wait(0.05)
    room.change("ALTER TABLE work.away RENAME TO jobs")
    for _ in range(400):
        if asked(room):
            break
        stop.wait(0.01)
    stop.set()
    thread.join()
    assert asked(room) == {"often": 1, "seldom": 1}


SEEN = "SELECT queue, subject_type, subject_id, correlation_id FROM work.jobs WHERE actor = %s"
