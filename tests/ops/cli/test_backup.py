"""The drill: a base backup, what was written since, damage, and the way back to before it."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.demo import ALICE, BOB
from ops.embedded import folders
from ops.embedded.postgres import OWNER, Place, postgres
from schema.migrate import migrate
from tests.journeys.places import tables
from tests.ops.cli.books import head, in_step, rows
from tests.ops.cli.shell import Ran, Shell, until


@pytest.fixture
def place(bare: Shell, tmp_path: Path) -> Iterator[Place]:
    """Run a server of its own in the data folder, with demo data."""
    data = Path(bare.environment["DATA_DIR"])
    with postgres(data, settings={"synchronous_commit": "on"}, durable=False) as running:
        migrate(running.url(OWNER))
        assert bare("seed-demo").code == 0
        yield running
    for each in (data, tmp_path / "back"):
        state = (each / "postgres").resolve()
        if folders.SYSTEM_STATE in state.parents:
            shutil.rmtree(state, ignore_errors=True)


def told(ran: Ran) -> Ran:
    assert ran.code == 0, ran
    return ran


def sign_in(dsn: str, user_id: str) -> None:
    """Leave a session behind, as a login would."""
    with psycopg.connect(dsn) as connection:
        connection.execute(SESSION, (user_id,))


def received(dsn: str) -> bool:
    """Say whether everything up to the last mark has left the server."""
    return rows(dsn, RECEIVED) == [(True,)]


def damaged(bare: Shell, backups: Path) -> int:
    """Take a backup, go on, mark a moment, and do what is to be undone; return the moment."""
    dsn = bare.environment["DATABASE_URL"]
    with bare.running("backup", "stream", "--to", str(backups)) as stream:
        until(lambda: list((backups / "wal").glob("*")), stream)
        told(bare("backup", "take", "--to", str(backups)))
        told(bare("users", "suspend", "--id", ALICE.user_id))
        position = head(dsn)
        told(bare("backup", "mark", "before-the-damage", "--to", str(backups)))
        told(bare("users", "delete", "--id", BOB.user_id))
        assert head(dsn) > position
        told(bare("backup", "mark", "after-the-damage", "--to", str(backups)))
        until(lambda: received(dsn), stream)
        stream.send_signal(signal.SIGTERM)
        assert stream.wait(30) == 0, stream.communicate()
    return position


def test_a_restored_deployment_is_as_it_was_and_forgets_what_it_must(
    bare: Shell, place: Place, tmp_path: Path
) -> None:
    dsn, backups, back = place.url(OWNER), tmp_path / "backups", tmp_path / "back"
    epoch = rows(dsn, "SELECT epoch FROM log.head")
    bare.environment["DATABASE_URL"] = dsn
    told(bare("audit", "seal"))
    sign_in(dsn, ALICE.user_id)
    position = damaged(bare, backups)
    listed = bare("--json", "backup", "list", "--from", str(backups)).json
    assert [each["kind"] for each in listed] == ["base", "mark", "mark"]

    asked = ("backup", "restore", "--from", str(backups), "--to", str(back))
    restored = told(bare("--json", *asked, "--mark", "before-the-damage")).json
    assert (restored["position"], restored["erased_since"]) == (position, 1)
    assert restored["received_position"] > position
    assert bare(*asked).code == 1, "a folder with a server is not restored into"

    with postgres(back, durable=False) as again:
        dsn = bare.environment["DATABASE_URL"] = again.url(OWNER)
        assert rows(dsn, KEYS, BOB.user_id) == [(1,)], "the past brings the key back"
        is_fit_again(bare, restored["register"], epoch)


def is_fit_again(bare: Shell, register: str, epoch: list[Any]) -> None:
    """Recover, and see that nothing of the past goes on that must not."""
    dsn = bare.environment["DATABASE_URL"]
    done = told(bare("--json", "recover", "--erasures", register)).json
    assert (done["sound"], done["users_deleted"], done["drifted"]) == (True, 1, {})
    assert done["users_signed_out"] == 1
    assert rows(dsn, KEYS, BOB.user_id) == [(0,)]
    assert rows(dsn, NAMED, BOB.user_id) == [(None,)]
    assert rows(dsn, "SELECT epoch FROM log.head") == [(done["epoch"],)] != epoch
    assert rows(dsn, VERSIONS, ALICE.user_id) == [(3,)]


def test_keys_that_come_back_alone_are_destroyed_again(demo: Shell, tmp_path: Path) -> None:
    dsn = demo.environment["DATABASE_URL"]
    kept = rows(dsn, "SELECT kid, subject, wrapped, wrapped_by FROM log.data_keys"
                     " WHERE subject = %s", BOB.user_id)  # fmt: skip
    told(demo("users", "delete", "--id", BOB.user_id))
    told(demo("audit", "seal"))
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO log.data_keys VALUES (%s, %s, %s, %s)", kept[0])
    [erased] = demo("--json", "erasures", "list").json
    assert erased["user_id"] == BOB.user_id
    assert demo("--json", "erasures", "apply").json == {"destroyed": [BOB.user_id], "deleted": []}
    assert rows(dsn, KEYS, BOB.user_id) == [(0,)]
    assert demo("--json", "erasures", "apply").json == {"destroyed": [], "deleted": []}
    told(demo("audit", "verify"))
    told_of = rows(dsn, "SELECT count(*) FROM log.events WHERE name = 'ErasurePerformed'")
    assert told_of == [(1,)]
    in_step(dsn)
    assert holds_nothing_of_his(demo, tmp_path)


def holds_nothing_of_his(shell: Shell, folder: Path) -> bool:
    """Say whether no list, export or read model tells Bob's address or name (AC-97)."""
    told = [shell("--json", "events", "list", "--limit", "1000").out]
    for verb in ("events", "audit"):
        assert shell(verb, "export", "--out", str(folder / verb)).code == 0
        told.append((folder / verb).read_text())
    dump = tables(shell.environment["DATABASE_URL"])
    text = "\n".join([*told, *(rows for _, rows in dump)])
    assert ALICE.email in text
    return BOB.email not in text and BOB.full_name not in text


def test_what_cannot_be_restored_is_said(bare: Shell, tmp_path: Path) -> None:
    asked = ("backup", "restore", "--from", str(tmp_path), "--to", str(tmp_path / "new"))
    none = bare(*asked)
    assert (none.code, "no base backup" in none.err) == (1, True)
    unmarked = bare(*asked, "--mark", "nothing")
    assert (unmarked.code, "nothing is marked" in unmarked.err) == (1, True)
    assert bare(*asked, "--mark", "x", "--until", "2025-01-01T00:00:00Z").code == 2
    (tmp_path / "register").write_text("nobody\n")
    assert bare("erasures", "apply", "--from", str(tmp_path / "nothing")).code == 2


SESSION = """
INSERT INTO log.session_state VALUES
(gen_random_uuid(), %s, gen_random_uuid(), true, '2999-01-01T00:00:00.000000Z')
"""
RECEIVED = """
SELECT flush_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication
WHERE application_name = 'pg_receivewal'
"""
KEYS = "SELECT count(*) FROM log.data_keys WHERE subject = %s"
VERSIONS = "SELECT session_version FROM log.principals WHERE user_id = %s"
NAMED = "SELECT full_name FROM read.users WHERE id = %s"
