"""`ledgerbank jobs`: the same lists and commands as over HTTP, by the operator."""

from typing import Any

from ledger.identity import new_id
from tests.ops.cli.books import rows
from tests.ops.cli.shell import Shell

USER = new_id()


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def job(shell: Shell, state: str = "available") -> str:
    """Have a job that nobody works on."""
    over = None if state == "available" else "now"
    [(identity,)] = rows(dsn(shell), JOB, state, USER, over)
    return str(identity)


def test_jobs_are_listed_shown_and_called_off(shell: Shell) -> None:
    waiting, done = job(shell), job(shell, "completed")
    listed = shell("--json", "jobs", "list", "--state", "available").json
    assert [each["id"] for each in listed] == [waiting]
    assert len(shell("--json", "jobs", "list", "--queue", "default", "--limit", "1").json) == 1
    shown = shell("--json", "jobs", "show", "--id", waiting.upper()).json
    assert (shown["id"], shown["actor"], shown["errors"]) == (waiting, "erase_user", [])
    told = shell("jobs", "cancel", "--id", waiting)
    assert (told.code, told.lines) == (0, [f"cancelled erase_user {waiting}"])
    assert shell("--json", "jobs", "show", "--id", waiting).json["state"] == "cancelled"
    for identity, reason in ((done, "job_not_cancellable"), (new_id(), "job_not_found")):
        refused = shell("jobs", "cancel", "--id", identity)
        assert (refused.code, reason in refused.err) == (1, True)
    assert actions(shell) == [
        ("CancelJob", "success"),
        ("CancelJob", "failure"),
        ("CancelJob", "failure"),
    ]


def test_a_dead_job_is_asked_for_again(shell: Shell) -> None:
    dead = job(shell, "discarded")
    [(letter,)] = rows(dsn(shell), LETTER, dead)
    listed = shell("--json", "jobs", "dead", "--status", "open").json
    assert [(each["id"], each["job_id"]) for each in listed] == [(letter, dead)]
    retried = shell("--json", "jobs", "retry", "--id", letter).json
    assert (retried["dead_letter"]["status"], retried["job"]["subject_id"]) == ("RETRIED", USER)
    again = shell("jobs", "retry", "--id", letter)
    assert (again.code, "already_processed" in again.err) == (1, True)
    names = rows(dsn(shell), "SELECT name FROM log.events WHERE stream_id = %s", f"job-{dead}")
    assert names == [("DeadLetterRetried",)]


def test_a_story_nobody_knows_is_not_found(shell: Shell) -> None:
    told = shell("events", "trace", "req_unheard_of")
    assert (told.code, "event_not_found" in told.err) == (1, True)


def actions(shell: Shell) -> list[tuple[Any, ...]]:
    """Return what the audit log was told of the operator."""
    return rows(dsn(shell), ACTIONS)


JOB = """
INSERT INTO work.jobs (
    id, queue, actor, state, priority, max_attempts, subject_type, subject_id, correlation_id,
    cause, inserted_at, scheduled_at, completed_at
) VALUES (
    gen_random_uuid(), 'default', 'erase_user', %s, 5, 4, 'user', %s, 'req_test', 'test', now(),
    now(), %s
) RETURNING id::text
"""
LETTER = """
INSERT INTO work.dead_letters (
    id, job_id, queue, actor, subject_type, subject_id, reason, category, attempts, died_at,
    priority, correlation_id, arguments
)
SELECT gen_random_uuid(), id, queue, actor, subject_type, subject_id, 'timeout', 'system', 3, now(),
    priority, correlation_id, arguments
FROM work.jobs WHERE id = %s
RETURNING id::text
"""
ACTIONS = """
SELECT convert_from(data, 'UTF8')::jsonb #>> '{data,details,command}',
    convert_from(data, 'UTF8')::jsonb #>> '{data,outcome}'
FROM log.events WHERE name = 'AdminActionPerformed' ORDER BY position
"""
