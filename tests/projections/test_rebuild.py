"""A rebuild makes the same read model again, beside the live one, and swaps it in."""

from itertools import count
from threading import Thread
from time import monotonic

import psycopg
import pytest

from ledger.errors import Reason, Refused
from projections.accounts import PROJECTOR as ACCOUNTS
from projections.catalogue import ALL, BY_NAME
from projections.copying import TRY_LOCK, copying
from projections.leftovers import LOCK
from projections.projector import Projector
from projections.rebuild import Differs, rebuild, roll_back, verify
from schema.postgres import connect
from tests.projections.conftest import Run, checkpoint, contents, followed, wait_for
from tests.projections.history import KEKS, History
from tests.projections.scripts import Script


@pytest.fixture
def settled(database: str, history: History) -> Script:
    """Give a bank whose read models are up to date, with nobody following any more."""
    script = Script(history)
    script.play(range(150))
    head = history.write(database)
    with followed(database):
        wait_for(database, head)
    return script


@pytest.mark.parametrize("projector", ALL, ids=list(BY_NAME))
def test_a_rebuild_equals_the_live_copy(
    database: str, settled: Script, projector: Projector
) -> None:
    assert settled.accounts
    before, definitions = contents(database, projector), layout(database)
    report = rebuild(database, projector, KEKS)
    assert report.compared
    assert checkpoint(database, projector.name) == (report.position, "running", None)
    assert before == contents(database, projector)
    assert definitions == layout(database)
    rebuild(database, projector, KEKS)
    assert definitions == layout(database)


def test_a_first_build_needs_no_live_copy(database: str, history: History) -> None:
    script = Script(history)
    script.play(range(50))
    head = history.write(database)
    told: list[tuple[int, int]] = []
    report = rebuild(database, ACCOUNTS, KEKS, progress=lambda at, end, _: told.append((at, end)))
    assert (head, False) == (report.position, report.compared)
    assert told[-1] == (head, head)
    assert contents(database, ACCOUNTS)["accounts"]


def test_reads_and_the_live_runner_go_on_during_a_rebuild(
    database: str, history: History, run: Run
) -> None:
    script = Script(history)
    run()
    wait_for(database, history.write(database))
    numbers = count()
    rebuilds = Thread(target=lambda: [rebuild(database, each, KEKS) for each in ALL])
    rebuilds.start()
    reached = dict.fromkeys(BY_NAME, 0)
    while rebuilds.is_alive():
        before, reached = reached, {name: checkpoint(database, name)[0] for name in BY_NAME}
        assert all(before[name] <= reached[name] for name in BY_NAME), "never back"
        script.play([next(numbers)])
        history.write(database)
        assert len(contents(database, ACCOUNTS)["accounts"]) == len(script.accounts)
    rebuilds.join()
    script.play([next(numbers)])
    wait_for(database, history.write(database))
    for each in ALL:
        assert verify(database, each, KEKS).compared


def test_a_copy_that_is_behind_catches_up_before_it_takes_over(
    database: str, settled: Script
) -> None:
    with copying(database, ACCOUNTS, KEKS, None) as copy:
        assert copy.follow_live()
        settled.play(range(20))
        head = settled.history.write(database)
        with followed(database):
            wait_for(database, head)
        live = contents(database, ACCOUNTS)
        copy.take_place()
    assert checkpoint(database, "accounts") == (head, "running", None)
    assert live == contents(database, ACCOUNTS)


def test_a_tampered_row_is_found_and_nothing_is_swapped(database: str, settled: Script) -> None:
    account = settled.accounts[0]
    with psycopg.connect(database) as connection:
        change = "UPDATE read.accounts SET balance = balance + 1 WHERE id = %s"
        connection.execute(change, (account,))
        connection.execute("DELETE FROM read.accounts WHERE id = %s", (settled.accounts[1],))
    before, tables = contents(database, ACCOUNTS), layout(database)
    for attempt in (rebuild, verify):
        with pytest.raises(Differs) as found:
            attempt(database, ACCOUNTS, KEKS)
        assert sorted(f"accounts {each}" for each in settled.accounts[:2]) == found.value.rows
    assert before == contents(database, ACCOUNTS)
    assert tables == layout(database), "nothing is left behind"
    assert checkpoint(database, "accounts")[1] == "running"


def test_a_repair_replaces_what_differs_and_can_be_undone(database: str, settled: Script) -> None:
    good = contents(database, ACCOUNTS)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.accounts SET balance = 0")
    bad = contents(database, ACCOUNTS)
    rebuild(database, ACCOUNTS, KEKS, repair=True)
    assert good == contents(database, ACCOUNTS)
    began = monotonic()
    roll_back(database, ACCOUNTS)
    seconds = monotonic() - began
    assert bad == contents(database, ACCOUNTS)
    began = monotonic()
    roll_back(database, ACCOUNTS)
    assert min(seconds, monotonic() - began) < 1, "P-1"
    assert good == contents(database, ACCOUNTS)
    assert checkpoint(database, "accounts")[0] == settled.history.position


def test_what_was_put_back_catches_up(database: str, settled: Script, run: Run) -> None:
    rebuild(database, ACCOUNTS, KEKS)
    run()
    settled.play(range(50))
    wait_for(database, settled.history.write(database))
    roll_back(database, ACCOUNTS)
    wait_for(database, settled.history.position)
    assert verify(database, ACCOUNTS, KEKS).compared


def test_a_failed_projection_runs_again_after_a_repair(database: str, settled: Script) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.checkpoints SET status = 'failed', last_error = 'x'")
    rebuild(database, ACCOUNTS, KEKS)
    assert checkpoint(database, "accounts") == (settled.history.position, "running", None)
    assert checkpoint(database, "users")[1] == "failed"


def test_only_one_rebuild_of_a_projection_at_a_time(database: str, settled: Script) -> None:
    assert settled.accounts
    with connect(database) as other:
        other.execute(TRY_LOCK, (LOCK, "accounts"))
        with pytest.raises(Refused) as refusal:
            rebuild(database, ACCOUNTS, KEKS)
        assert refusal.value.reason is Reason.REBUILD_IN_PROGRESS
        assert rebuild(database, BY_NAME["banks"], KEKS).compared


def test_erased_people_stay_erased_in_a_rebuild(database: str, settled: Script) -> None:
    user = settled.users[0]
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM log.data_keys WHERE subject = %s", (user,))
    for name in ("users", "accounts", "transfers"):
        rebuild(database, BY_NAME[name], KEKS, repair=True)
    with psycopg.connect(database) as connection:
        rows = connection.execute(ERASED, {"user": user}).fetchall()
    assert rows == [(None, None, None), (None, None, "[erased]")]


def test_an_older_copy_in_the_way_is_no_obstacle(database: str, settled: Script) -> None:
    assert settled.accounts
    with connect(database, "ledgerbank_read") as connection:
        connection.execute("CREATE TABLE read.accounts__new (left_behind int)")
    rebuild(database, ACCOUNTS, KEKS)
    assert verify(database, ACCOUNTS, KEKS).compared


def layout(dsn: str) -> list[tuple[str, ...]]:
    """Return tables with their options, and indexes, without what a rebuild keeps aside."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(LAYOUT).fetchall()


LAYOUT = """
SELECT relname::text, coalesce(reloptions::text, ''), coalesce(relacl::text, '')
FROM pg_class
WHERE relnamespace = 'read'::regnamespace AND relname !~ '__old$'
UNION ALL
SELECT indexname, indexdef, '' FROM pg_indexes
WHERE schemaname = 'read' AND indexname !~ '__old$'
ORDER BY 1, 2
"""
ERASED = """
SELECT email, full_name, NULL FROM read.users WHERE id = %(user)s
UNION ALL
SELECT DISTINCT NULL, account_name, (
    SELECT DISTINCT description FROM read.transfers WHERE source_user_id = %(user)s
)
FROM read.accounts WHERE user_id = %(user)s
"""
