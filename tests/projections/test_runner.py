"""The runner loses nothing, repeats nothing, and stops only what cannot be applied."""

from time import sleep

import psycopg
import pytest

from ledger.events.account import AccountCredited
from ledger.identity import new_id
from projections.catalogue import ALL
from projections.leases import Leases, resume
from schema.postgres import connect
from tests.projections.conftest import (
    Run,
    checkpoint,
    contents,
    followed,
    wait_for,
    wait_until,
)
from tests.projections.history import History
from tests.projections.scripts import Script


@pytest.fixture
def script(history: History) -> Script:
    return Script(history)


def test_a_checkpoint_means_seen_up_to_even_when_nothing_mattered(
    database: str, history: History, run: Run
) -> None:
    history.user()
    head = history.write(database)
    run()
    wait_for(database, head)
    assert contents(database)["banks"] == []


def test_a_runner_that_is_cut_off_again_and_again_repeats_nothing(
    database: str, history: History, run: Run, script: Script
) -> None:
    script.play(range(300))
    head = history.write(database)
    run(batch_events=20)
    with psycopg.connect(database, autocommit=True) as admin:
        for _ in range(5):
            sleep(0.1)
            admin.execute(KILL_RUNNERS)
    wait_for(database, head)
    in_spite_of_it = contents(database)
    assert {account: str(history.balances[account]) for account in script.accounts} == {
        row.strip("()").split(",")[0]: row.strip("()").split(",")[7]
        for row in in_spite_of_it["accounts"]
    }
    with psycopg.connect(database) as connection:
        (told,) = connection.execute(OF_TRANSFERS).fetchone() or (0,)
    assert 2 * len(in_spite_of_it["transfers"]) == told


def test_two_runners_share_the_work_and_one_of_them_may_die(
    database: str, history: History, run: Run, script: Script
) -> None:
    first = run("first", lease_seconds=0.5)
    run("second", lease_seconds=0.5)
    for number in range(30):
        script.play([number])
        history.write(database)
        if number == 15:
            wait_for(database, history.position)
            first.stop()
    wait_for(database, history.position)
    assert_rebuilt_alike(database)


def test_a_runner_that_lost_its_lease_writes_nothing(
    database: str, history: History, run: Run, script: Script
) -> None:
    wait_for(database, history.write(database), *started(run))
    before = contents(database)["accounts"]
    with connect(database, "ledgerbank_read") as connection:
        leases = Leases(connection, "thief", 60)
        lease = leases.take_over("accounts")
        script.play(range(50))
        head = history.write(database)
        wait_for(database, head, *[each.name for each in ALL if each.name != "accounts"])
        assert lease.position == checkpoint(database, "accounts")[0]
        assert before == contents(database)["accounts"]
        leases.release([lease])
    wait_for(database, head)


def test_a_poison_event_stops_one_projection_and_no_other(
    database: str, history: History, run: Run, script: Script
) -> None:
    script.play(range(40))
    healthy = history.position
    credited = AccountCredited(posting_id=new_id(), entry_id=new_id(), amount=1, balance_after=1)
    poison = history.command((f"account-{script.accounts[0]}", credited))
    script.play(range(40, 80))
    head = history.write(database)
    run()
    others = [each.name for each in ALL if each.name != "transactions"]
    wait_for(database, head, *others)
    wait_until(lambda: checkpoint(database, "transactions")[1] == "failed")
    position, _, error = checkpoint(database, "transactions")
    assert healthy == position
    assert error is not None
    assert f"position {poison}: LookupError" in error
    assert checkpoint(database, "accounts")[1] == "running"


def test_a_stopped_projection_goes_on_when_an_operator_says_so(
    database: str, history: History, run: Run
) -> None:
    history.bank()
    head = history.write(database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.checkpoints SET status = 'failed', last_error = 'x'")
    run()
    sleep(0.6)
    assert checkpoint(database, "banks") == (0, "failed", "x")
    with connect(database, "ledgerbank_read") as connection:
        assert all(resume(connection, each.name) for each in ALL)
        assert not resume(connection, "banks")
    wait_for(database, head)
    assert checkpoint(database, "banks") == (head, "running", None)


def test_a_row_the_database_refuses_stops_one_projection_and_no_other(
    database: str, history: History, run: Run, script: Script
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE read.transfers ADD CHECK (amount <> 77)")
    script.play(range(0, 300, 5))
    healthy = history.position
    history.transfer(script.accounts[0], script.accounts[1], amount=77)
    script.play(range(0, 300, 5))
    head = history.write(database)
    run()
    wait_for(database, head, *[each.name for each in ALL if each.name != "transfers"])
    wait_until(lambda: checkpoint(database, "transfers")[1] == "failed")
    assert checkpoint(database, "transfers")[0] == healthy
    assert "CheckViolation" in (checkpoint(database, "transfers")[2] or "")
    assert len(contents(database)["transfers"]) == 60
    assert all(",77," not in row for row in contents(database)["transfers"])


def test_a_hole_stops_everything(database: str, history: History, run: Run, script: Script) -> None:
    script.play(range(10))
    gap = history.position
    history.position += 1
    script.play(range(10))
    history.write(database)
    run()
    names = [each.name for each in ALL]
    wait_until(lambda: all(checkpoint(database, name)[1] == "failed" for name in names))
    for name in names:
        assert checkpoint(database, name)[2] == f"the log has a hole after position {gap}"


def test_a_command_is_never_shown_in_parts(database: str, history: History, run: Run) -> None:
    """Every checkpoint ever seen is the end of a command, and the books balance at each."""
    users = [history.user() for _ in range(2)]
    accounts = [history.account(user) for user in users]
    run(batch_events=3)
    for _ in range(40):
        history.transfer(accounts[0], accounts[1])
        history.write(database)
        with psycopg.connect(database) as connection:
            seen, balances = connection.execute(SEEN).fetchone() or (0, 0)
            assert seen == 0 or seen in history.ends
            assert balances in {None, 100_000, 200_000}
    wait_for(database, history.position)


def test_a_killed_bell_costs_a_poll_and_no_more(
    database: str, history: History, run: Run, script: Script
) -> None:
    wait_for(database, history.write(database), *started(run))
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(KILL_LISTENERS)
    script.play(range(10))
    wait_for(database, history.write(database), seconds=2)


def test_a_call_wakes_a_runner_that_hardly_ever_polls(
    database: str, history: History, run: Run, script: Script
) -> None:
    run(poll_seconds=4)
    wait_for(database, 0)
    sleep(1)
    script.play(range(10))
    head = history.write(database)
    with psycopg.connect(database, autocommit=True) as appender:
        appender.execute("NOTIFY ledger_appended")
    wait_for(database, head, seconds=2)


def started(run: Run) -> list[str]:
    """Start a runner; return the names of what it runs."""
    run()
    return [each.name for each in ALL]


def assert_rebuilt_alike(dsn: str) -> None:
    """Compare the tables with those of a runner that nothing happened to."""
    live = contents(dsn)
    with psycopg.connect(dsn) as connection:
        head = connection.execute("SELECT position FROM log.head").fetchone()
        connection.execute("UPDATE read.checkpoints SET position = 0, holder = NULL")
        for table in live:
            connection.execute(f"TRUNCATE read.{table}".encode())
    assert head is not None
    with followed(dsn):
        wait_for(dsn, head[0])
    assert live == contents(dsn)


KILL_RUNNERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ledgerbank'
"""
KILL_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'LISTEN%'
"""
SEEN = """
SELECT (SELECT position FROM read.checkpoints WHERE projection = 'accounts'),
    (SELECT sum(balance)::bigint FROM read.accounts)
"""


OF_TRANSFERS = "SELECT count(*) FROM read.transactions WHERE transfer_id IS NOT NULL"
