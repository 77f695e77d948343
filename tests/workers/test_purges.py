"""Purges: what is over goes after its time, and nothing else does (jobs.md §6)."""

from datetime import timedelta

import pytest

from ledger.identity import new_id
from ledger.times import utc_text
from tests.workers.conftest import Room
from workers.attempts import Run
from workers.purges import ENTRIES, NAMES, Kept, Purges

DAY = timedelta(days=1)
KEPT = Kept(answers=DAY, jobs=7 * DAY)


@pytest.fixture
def purge(room: Room) -> dict[str, Run]:
    """Give the jobs of every purge."""
    return {name: Run(room.job(room.ask(name, name).id)) for name in NAMES}


def done(room: Room, purge: dict[str, Run], name: str) -> None:
    [actor] = [each for each in Purges(room.pool, room.clock, KEPT).actors() if each.name == name]
    actor.perform(purge[name])


def test_every_purge_has_its_turn() -> None:
    assert {(entry.name, entry.every_seconds) for entry in ENTRIES} == {
        (name, 3_600) for name in NAMES
    }


def test_answers_go_and_keys_stay(room: Room, purge: dict[str, Run]) -> None:
    ages = {"old": 3 * DAY, "older": 2 * DAY, "young": DAY / 2}
    for key, age in ages.items():
        at = utc_text(room.clock.now - age)
        room.change(COMMAND, key, new_id(), at)
    done(room, purge, "purge_idempotency")
    found = "SELECT key, first_position FROM log.commands WHERE answer IS {} NULL ORDER BY key"
    assert room.rows(found.format("")) == [("old", 1), ("older", 1)]
    assert room.rows(found.format("NOT")) == [("young", 1)]
    room.clock.pass_ms(86_400_000)
    done(room, purge, "purge_idempotency")
    assert room.rows(found.format("NOT")) == []


def test_claims_go_when_their_time_is_over(room: Room, purge: dict[str, Run]) -> None:
    for key, age in (("over", DAY), ("running", -DAY)):
        room.change(CLAIM, key, utc_text(room.clock.now - age))
    room.change(CLAIM, "for ever", None)
    done(room, purge, "purge_claims")
    left = "SELECT key FROM log.claims WHERE namespace = 'test' ORDER BY key"
    assert room.rows(left) == [("for ever",), ("running",)]


def test_tokens_of_sessions_long_over_go(room: Room, purge: dict[str, Run]) -> None:
    token = new_id()
    for age in (8 * DAY, 6 * DAY):
        room.change(SESSION, new_id(), new_id(), token, utc_text(room.clock.now - age))
    done(room, purge, "purge_tokens")
    found = "SELECT alive, jti::text = %s FROM log.session_state ORDER BY expires_at"
    assert room.rows(found, token) == [(False, False), (True, True)]


def test_finished_jobs_go_and_dead_letters_stay(room: Room, purge: dict[str, Run]) -> None:
    done_long_ago, done_lately, dead = room.ask(subject="a"), room.ask(subject="b"), new_id()
    for job, age in ((done_long_ago, 8 * DAY), (done_lately, 6 * DAY)):
        room.change(FINISHED, room.clock.now - age, job.id)
    for retried_at in (None, room.clock.now - 31 * DAY, room.clock.now - 29 * DAY):
        values = (new_id(), new_id(), retried_at and "RETRIED", retried_at and new_id())
        room.change(LETTER, *values, room.clock.now - 99 * DAY, retried_at, dead)
    for status, age in (("delivered", 8 * DAY), ("delivered", 6 * DAY), ("dead", 99 * DAY)):
        at = utc_text(room.clock.now - age)
        room.change(DELIVERY, new_id(), new_id(), status, at, at)
    done(room, purge, "purge_jobs")
    assert room.rows("SELECT id::text FROM work.jobs WHERE completed_at IS NOT NULL") == [
        (done_lately.id,)
    ]
    assert room.rows("SELECT status FROM work.dead_letters ORDER BY 1") == [("OPEN",), ("RETRIED",)]
    assert room.rows("SELECT status FROM work.deliveries ORDER BY 1") == [("dead",), ("delivered",)]


def test_replaced_index_keys_go_with_the_last_answer_of_their_time(
    room: Room, purge: dict[str, Run]
) -> None:
    for name, age in {"old": 2 * DAY, "young": DAY / 2}.items():
        room.change(INDEX_KEY, name, room.clock.now - age, new_id())
    done(room, purge, "purge_idempotency")
    found = room.rows("SELECT key_id FROM log.index_keys WHERE sealed IS NOT NULL")
    assert found == [("young",)]


INDEX_KEY = """
INSERT INTO log.index_keys (key_id, replaced_at, kid, sealed) VALUES (%s, %s, %s, 'key'::bytea)
"""
COMMAND = """
INSERT INTO log.commands (
    scope, key, command_id, request_hash, first_position, last_position, answer, answer_key,
    recorded_at
) VALUES ('user', %s, %s, ''::bytea, 1, 1, 'told'::bytea, 'key', %s)
"""
CLAIM = """
INSERT INTO log.claims (namespace, key, holder, expires_at, position)
VALUES ('test', %s, 'somebody', %s, 1)
"""
SESSION = """
INSERT INTO log.session_state (session_id, user_id, jti, alive, expires_at)
VALUES (%s, %s, %s, true, %s)
"""
FINISHED = "UPDATE work.jobs SET state = 'completed', completed_at = %s WHERE id = %s"
LETTER = """
INSERT INTO work.dead_letters (
    id, job_id, status, retried_job_id, died_at, retried_at, queue, actor, subject_type,
    subject_id, reason, category, attempts, priority, correlation_id, arguments
) VALUES (
    %s, %s, coalesce(%s, 'OPEN'), %s, %s, %s, 'q', 'a', 's', %s, 'r', 'c', 1, 5, 'req', '{}'
)
"""
DELIVERY = """
INSERT INTO work.deliveries (
    id, endpoint_id, event_type, position, status, delivered_at, inserted_at
) VALUES (%s, %s, 'ping', 1, %s, %s, %s)
"""
