"""`ledgerbank projections`: where the read models are, and how they are made again."""

import pytest

from projections.catalogue import BY_NAME
from tests.ops.cli.books import change, contents, head, rows
from tests.ops.cli.shell import Shell

RAISED = "UPDATE read.accounts SET balance = balance + 1 WHERE last_four = '1234'"


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_read_models_are_listed(demo: Shell) -> None:
    ran = demo("projections", "list")
    assert ran.code == 0
    last = str(head(dsn(demo)))
    assert [line.split() for line in ran.lines] == [
        ["NAME", "POSITION", "HEAD", "LAG", "STATUS"],
        *([name, last, last, "0", "running"] for name in sorted(BY_NAME)),
    ]


def test_a_read_model_that_is_behind_or_failed_says_so(demo: Shell) -> None:
    change(
        dsn(demo),
        "UPDATE read.checkpoints SET position = 3, status = 'failed', last_error = 'position 4: no'"
        " WHERE projection = 'users'",
    )
    [users] = [each for each in demo("--json", "projections", "list").json if each["lag"]]
    last = head(dsn(demo))
    assert users == {
        "name": "users",
        "position": 3,
        "head": last,
        "lag": last - 3,
        "status": "failed",
        "last_error": "position 4: no",
    }


def test_before_any_projection_ran_all_stand_at_nothing(shell: Shell) -> None:
    found = shell("--json", "projections", "list").json
    assert [(each["name"], each["position"]) for each in found] == [(n, 0) for n in sorted(BY_NAME)]


def test_read_models_are_rebuilt_equal(demo: Shell) -> None:
    tables = ("accounts", "transactions", "users")
    before, last = contents(dsn(demo), *tables), head(dsn(demo))
    ran = demo("projections", "rebuild", "accounts", "transactions", "users")
    assert ran.code == 0
    assert [line.split()[:3] for line in ran.lines] == [
        [name, "position", str(last)] for name in ("accounts", "transactions", "users")
    ]
    assert contents(dsn(demo), *tables) == before
    assert demo("ledger", "check").code == 0
    [told] = demo("--json", "events", "list", "--type", "ProjectionRebuilt").json
    assert told["position"] == last + 1
    assert told["actor"] == {"type": "system", "id": None, "role": "operator"}
    assert told["data"]["details"] == {"projections": list(tables), "repair": False}


def test_all_read_models_are_rebuilt(demo: Shell) -> None:
    ran = demo("--json", "projections", "rebuild", "--all")
    assert ran.code == 0
    assert [line.count('"compared":true') for line in ran.lines] == [1] * len(BY_NAME)
    assert rows(dsn(demo), "SELECT DISTINCT status FROM read.checkpoints") == [("running",)]


def test_an_unknown_read_model_is_refused(demo: Shell) -> None:
    ran = demo("projections", "rebuild", "users", "nothing")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: projection_not_found: ")
    assert "'name': 'nothing'" in ran.err


@pytest.mark.parametrize("names", [(), ("users", "--all")])
def test_names_or_all_but_not_both(demo: Shell, names: tuple[str, ...]) -> None:
    ran = demo("projections", "rebuild", *names)
    assert ran.code == 2
    assert "name read models, or say --all" in ran.err


def test_a_row_that_differs_stops_the_swap(demo: Shell) -> None:
    change(dsn(demo), RAISED)
    before = contents(dsn(demo), "accounts")
    [(oid,)] = rows(dsn(demo), "SELECT 'read.accounts'::regclass::oid::int")
    ran = demo("projections", "rebuild", "accounts")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(
        f"error: accounts differs at position {head(dsn(demo))} in 1 rows: accounts "
    )
    assert contents(dsn(demo), "accounts") == before
    assert rows(dsn(demo), "SELECT 'read.accounts'::regclass::oid::int") == [(oid,)]
    assert rows(dsn(demo), "SELECT DISTINCT status FROM read.checkpoints") == [("running",)]


def test_repair_swaps_the_row_that_differs_away(demo: Shell) -> None:
    right = contents(dsn(demo), "accounts")
    change(dsn(demo), RAISED)
    assert contents(dsn(demo), "accounts") != right
    assert demo("projections", "rebuild", "accounts", "--repair").code == 0
    assert contents(dsn(demo), "accounts") == right
    assert demo("ledger", "check").code == 0


def test_a_log_that_cannot_be_read_stops_the_rebuild(demo: Shell) -> None:
    change(dsn(demo), "DELETE FROM log.events WHERE position = 7")
    ran = demo("projections", "rebuild", "users")
    assert (ran.code, ran.err) == (1, "error: the log has a hole after position 6\n")
