"""`ledgerbank doctor`: each fault is found, with the command that repairs it (P-11)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from ledger.times import utc_text
from ops.backups.folder import STATEMENT, Folder, Taken
from ops.doctoring.doctor import indexes
from tests.ops.cli.books import change
from tests.ops.cli.shell import Shell

EXPECTED = {"seals", "scheduler", "relay", "backups"}
"""What is not as it should be where nothing runs."""
JOB = """
INSERT INTO work.jobs (id, queue, actor, state, priority, max_attempts, subject_type, subject_id,
    correlation_id, cause, inserted_at, scheduled_at, lease_until, lease_token)
SELECT gen_random_uuid(), 'sync', 'sync_connection', '{0}', 0, 3, 'connection', '-', '-', '-',
    now(), now() - interval '11 minutes', lease, CASE WHEN lease IS NULL THEN NULL
    ELSE gen_random_uuid() END
FROM (SELECT ({1})::timestamptz) AS given (lease)
"""
DEAD_LETTER = """
INSERT INTO work.dead_letters (id, job_id, queue, actor, subject_type, subject_id, reason, category,
    attempts, died_at, priority, correlation_id, arguments)
VALUES (gen_random_uuid(), gen_random_uuid(), 'sync', 'sync_connection', 'connection', '-',
    'service_unavailable', 'system', 3, now(), 0, '-', '{{}}')
""".format()


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def faults(shell: Shell, code: int) -> list[dict[str, Any]]:
    """Return what is found, but for what runs nowhere in tests."""
    ran = shell("--json", "doctor")
    assert ran.code == code, ran.out
    found: list[dict[str, Any]] = ran.json["checks"]
    assert all(each["repair"] for each in found if each["status"] != "ok")
    return [x for x in found if x["status"] != "ok" and x["check"] not in EXPECTED]


def test_where_all_is_well_nothing_is_found(demo: Shell) -> None:
    assert faults(demo, 0) == []
    lines = demo("doctor").lines
    assert lines[-1].startswith("all in all: ")
    assert any(line.startswith("ok       invariants") for line in lines)


@pytest.mark.parametrize(
    ("fault", "check", "repair"),
    [
        ("UPDATE read.checkpoints SET status = 'failed', last_error = 'no' WHERE projection"
         " = 'users'", "projections", "ledgerbank projections resume users"),
        ("UPDATE read.checkpoints SET drift_rows = 2, verified_position = 3 WHERE projection"
         " = 'users'", "projections", "ledgerbank projections rebuild users --repair"),
        ("UPDATE read.checkpoints SET position = 3 WHERE projection = 'users'", "projections",
         "ledgerbank project users"),
        ("INSERT INTO read.rebuilds (projection, definition) VALUES ('users', '')", "projections",
         "ledgerbank projections rebuild users --resume"),
        ("UPDATE log.head SET position = position + 1", "log", "ledgerbank audit verify"),
        ("UPDATE log.data_keys SET wrapped_by = 'k9' WHERE kid = (SELECT min(kid::text)::uuid FROM"
         " log.data_keys)", "keys", "ledgerbank config check"),
        ("UPDATE read.trial_balance SET debit_total = debit_total + 1 WHERE code = 'customers:USD'"
         , "books", "ledgerbank ledger check"),
        ("UPDATE read.checkpoints SET paused_at = now() WHERE projection = 'users'", "projections",
         "ledgerbank projections resume users"),
        ("UPDATE log.head SET recorded_at = '2999-01-01T00:00:00.000000Z'", "clock",
         "chronyc makestep"),
        ("UPDATE work.relay SET position = 0", "relay", "ledgerbank worker"),
        ("UPDATE work.scheduler SET lease_until = now() - interval '2 minutes'", "scheduler",
         "ledgerbank scheduler"),
        (JOB.format("executing", "now() - interval '2 minutes'"), "jobs", "ledgerbank worker"),
        (JOB.format("available", "NULL"), "jobs", "ledgerbank worker --queues sync"),
        (DEAD_LETTER, "dead letters", "ledgerbank jobs dead --queue sync"),
        ("DELETE FROM migrations.applied WHERE name = (SELECT max(name) FROM migrations.applied)",
         "migrations", "ledgerbank migrate"),
    ],
)  # fmt: skip
def test_a_fault_is_found_with_what_repairs_it(
    demo: Shell, fault: str, check: str, repair: str
) -> None:
    change(dsn(demo), fault)
    assert demo("--json", "doctor").code in {0, 1}
    found = [x for x in demo("--json", "doctor").json["checks"] if x["status"] != "ok"]
    assert repair in [each["repair"] for each in found if each["check"] == check], found


def test_the_age_of_the_newest_base_backup_counts(demo: Shell, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "backups")

    def told() -> tuple[str, str]:
        checks = demo("doctor", "--json", "--backups", str(folder.path)).json["checks"]
        [found] = [each for each in checks if each["check"] == "backups"]
        return found["status"], found["detail"]

    assert told()[0] == "warning"
    for days, expected in ((3, ("warning", "the newest is 72 hours old")), (0, ("ok", ""))):
        taken_at = utc_text(datetime.now(UTC) - timedelta(days=days))
        (folder.base / str(days)).mkdir(parents=True)
        taken = Taken(name=str(days), taken_at=taken_at, position=1, epoch="e")
        (folder.base / str(days) / STATEMENT).write_bytes(msgspec.json.encode(taken))
        folder.wal.mkdir(exist_ok=True)
        assert told() == expected, "what is received all the time is no backup"


def test_a_missing_index_is_told_with_the_statement_that_makes_it(demo: Shell) -> None:
    assert {"events_correlation", "events_name", "accounts_newest"} <= indexes().keys()
    with psycopg.connect(dsn(demo)) as connection:
        connection.execute("DROP INDEX log.events_correlation")
        connection.execute("ALTER TABLE log.events DISABLE TRIGGER events_append_only")
    found = faults(demo, 1)
    assert [(each["check"], each["subject"]) for each in found] == [
        ("log", "log.events"), ("indexes", "events_correlation"),
    ]  # fmt: skip
    statement = "CREATE INDEX events_correlation ON log.events (correlation_id, position)"
    assert found[1]["repair"] == f"psql -c '{statement}'"
