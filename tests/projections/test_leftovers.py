"""A copy that was left is gone on with, checked as a whole, or dropped (P-1)."""

import signal
import subprocess
import sys

import psycopg
import pytest

from ledger.errors import Refused
from ledger.events.user import UserDeleted
from ledger.identity import new_id
from projections.accounts import PROJECTOR as ACCOUNTS
from projections.copying import copying
from projections.identities import Unbalanced
from projections.leftovers import found
from projections.postings import PROJECTOR as POSTINGS
from projections.rebuild import Differs, Plan, drop_expired, rebuild, roll_back, verify
from projections.users import PROJECTOR as USERS
from schema.postgres import connect
from tests.projections.conftest import checkpoint, contents, followed, wait_for
from tests.projections.history import KEKS, History
from tests.projections.scripts import Script

KILLED = """
import os, signal, sys
from projections import copying
from projections.accounts import PROJECTOR
from projections.rebuild import rebuild
from schema.seals import KeyEncryptionKeys
copying.PAGE_EVENTS, copying.PENDING_MAX = 40, 0
def die(at, end, rate):
    if at > end // 2:
        os.kill(os.getpid(), signal.SIGKILL)
rebuild(sys.argv[1], PROJECTOR, KeyEncryptionKeys({"k1": bytes(32)}), progress=die)
"""


@pytest.fixture
def settled(database: str, history: History) -> Script:
    script = Script(history)
    script.play(range(80))
    settle(database, history)
    return script


def settle(dsn: str, history: History) -> None:
    head = history.write(dsn)
    with followed(dsn):
        wait_for(dsn, head)


def test_what_a_killed_rebuild_left_is_gone_on_with(
    database: str, settled: Script, history: History
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, database], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = contents(database, ACCOUNTS)
    with connect(database) as connection:
        left = found(connection, ACCOUNTS)
    assert left is not None
    assert 0 < left.position < history.position
    settled.play(range(80, 90))
    settle(database, history)
    seen: list[int] = []
    report = rebuild(
        database, ACCOUNTS, KEKS, plan=Plan(resume=True), progress=lambda at, *_: seen.append(at)
    )
    assert report.compared
    assert min(seen) > left.position
    assert contents(database, ACCOUNTS) != before
    assert verify(database, ACCOUNTS, KEKS).compared
    assert checkpoint(database, "accounts") == (history.position, "running", None)


def test_a_check_leaves_a_copy_alone_that_waits(database: str, settled: Script) -> None:
    assert settled.accounts
    rebuild(database, ACCOUNTS, KEKS, plan=Plan(swap=False))
    with connect(database) as connection:
        waiting = found(connection, ACCOUNTS)
        assert waiting is not None
        assert verify(database, ACCOUNTS, KEKS).compared
        connection.execute("UPDATE read.accounts SET balance = balance + 1")
        with pytest.raises(Differs):
            verify(database, ACCOUNTS, KEKS, trace=True)
        assert found(connection, ACCOUNTS) == waiting
        assert {n.rpartition("__")[2] for (n,) in connection.execute(COPIES)} == {"new"}
    report = rebuild(database, ACCOUNTS, KEKS, plan=Plan(resume=True, accepted=None))
    assert report.swapped
    assert verify(database, ACCOUNTS, KEKS).compared


def test_a_copy_made_for_something_else_is_not_gone_on_with(database: str, settled: Script) -> None:
    assert settled.accounts
    with copying(database, ACCOUNTS, KEKS, None) as copy:
        copy.follow_live()
        copy.kept = True
    with connect(database) as connection:
        assert found(connection, ACCOUNTS)
        connection.execute("UPDATE read.rebuilds SET definition = 'another'")
        assert found(connection, ACCOUNTS) is None
    seen: list[int] = []
    rebuild(
        database, ACCOUNTS, KEKS, plan=Plan(resume=True), progress=lambda at, *_: seen.append(at)
    )
    assert seen


def test_a_person_who_is_erased_leaves_an_abandoned_copy_too(
    database: str, settled: Script, history: History
) -> None:
    person = next(iter(history.keys))
    with copying(database, USERS, KEKS, None) as copy:
        copy.follow_live()
        copy.kept = True
    with connect(database, "ledgerbank_read") as connection:
        connection.execute("CREATE TABLE read.users__check AS TABLE read.users")
    history.command((f"user-{person}", UserDeleted(erasure_id=new_id())))
    settle(database, history)
    assert settled.accounts
    with psycopg.connect(database) as connection:
        assert connection.execute(COPIES).fetchall() == []
        assert connection.execute("SELECT * FROM read.rebuilds").fetchall() == []


def test_rows_part_from_the_log_where_an_event_was_missed(
    database: str, settled: Script, history: History
) -> None:
    account = settled.accounts[0]
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE saved AS SELECT * FROM read.accounts")
    missed = history.transfer(account, settled.accounts[1], 5, "missed")
    first = history.position
    history.transfer(account, settled.accounts[1], 6, "missed too")
    settle(database, history)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM read.accounts WHERE id = %s", (account,))
        connection.execute(
            "INSERT INTO read.accounts SELECT * FROM saved WHERE id = %s", (account,)
        )
    with pytest.raises(Differs) as differing:
        verify(database, ACCOUNTS, KEKS, trace=True)
    [drift] = differing.value.drifts
    assert missed
    assert drift.key == account
    assert {"balance", "version"} <= set(drift.fields)
    assert first - 4 < (drift.position or 0) <= first


def test_a_copy_that_does_not_add_up_is_not_put_in_place(
    database: str, settled: Script, history: History
) -> None:
    assert settled.accounts
    with copying(database, POSTINGS, KEKS, None) as copy:
        copy.follow_live()
        copy.connection.execute(UNBALANCED)
        copy.kept = True
    before = contents(database, POSTINGS)
    with pytest.raises(Unbalanced, match="sums to zero"):
        rebuild(database, POSTINGS, KEKS, plan=Plan(resume=True, accepted=None))
    assert contents(database, POSTINGS) == before
    assert history.position


def test_what_was_put_aside_goes_after_a_day(database: str, settled: Script) -> None:
    assert settled.accounts
    rebuild(database, USERS, KEKS)
    with connect(database, "ledgerbank_read") as connection:
        assert not drop_expired(connection, USERS)
        aged = "UPDATE read.checkpoints SET kept_at = kept_at - interval '25 hours'"
        connection.execute(aged)
        assert drop_expired(connection, USERS)
        assert not drop_expired(connection, USERS)
    with pytest.raises(Refused, match="projection_not_found"):
        roll_back(database, USERS)


COPIES = "SELECT relname FROM pg_class WHERE relname ~ '__(new|check)$'"
UNBALANCED = """
UPDATE read.postings__new SET entries = jsonb_set(entries, '{0,amount}', '1')
WHERE id = (SELECT min(id::text)::uuid FROM read.postings__new)
"""
