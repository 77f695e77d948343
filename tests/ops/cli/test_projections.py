"""`ledgerbank projections`: where the read models are, and how they are made again."""

import io
import re
from threading import Thread
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from projections.catalogue import BY_NAME
from projections.runner import Runner
from tests.ops.cli.books import change, contents, head, rows
from tests.ops.cli.shell import Shell
from tests.projections.conftest import wait_for
from tests.projections.history import KEKS

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


def test_a_check_finds_equality_or_the_row_the_field_and_the_position(demo: Shell) -> None:
    ran = demo("projections", "verify", "accounts", "users", "--sample", "50%")
    assert (ran.code, [line.split()[-1] for line in ran.lines]) == (0, ["equal"] * 2)
    change(dsn(demo), RAISED)
    ran = demo("--json", "projections", "verify", "--all")
    assert ran.code == 1
    found = [msgspec.json.decode(line) for line in ran.lines]
    assert [each["projection"] for each in found] == list(BY_NAME)
    assert [each["projection"] for each in found if each["drift_rows"]] == ["accounts"]
    [row] = next(each["rows"] for each in found if each["drift_rows"])
    assert row["live"]["balance"] == row["replayed"]["balance"] + 1
    opened = f"account-{row['key']}"
    [(first,)] = rows(
        dsn(demo), "SELECT min(position) FROM log.events WHERE stream_id = %s", opened
    )
    assert row["position"] == first
    ran = demo("projections", "verify", "accounts")
    [line] = [line for line in ran.lines if row["key"] in line]
    assert line.split()[1:] == [
        row["key"], "balance", str(row["live"]["balance"]), str(row["replayed"]["balance"]),
        str(first),
    ]  # fmt: skip
    [status] = [x for x in demo("--json", "projections", "status").json if x["name"] == "accounts"]
    assert (status["drift_rows"], status["copy_position"]) == (1, None)
    assert demo("projections", "verify", "accounts", "--full", "--sample", "1%").code == 2
    assert demo("projections", "verify", "accounts", "--sample", "2").code == 2


def test_a_comparison_before_a_swap_leaves_its_figure(demo: Shell) -> None:
    def drift() -> tuple[Any, Any]:
        [status] = [x for x in demo("--json", "projections", "status").json
                    if x["name"] == "accounts"]  # fmt: skip
        return status["drift_rows"], status["verified_position"]

    assert drift() == (None, None)
    change(dsn(demo), RAISED)
    assert demo("projections", "rebuild", "accounts").code == 1
    assert drift() == (1, head(dsn(demo)))
    assert demo("projections", "rebuild", "accounts", "--repair").code == 0
    assert drift()[0] == 0


def test_a_number_of_differences_is_accepted(demo: Shell) -> None:
    right = contents(dsn(demo), "accounts")
    change(dsn(demo), RAISED)
    wrong = contents(dsn(demo), "accounts")
    dry = demo("projections", "rebuild", "accounts", "--dry-run", "--accept-differences", "1")
    assert dry.code == 0
    assert dry.out.endswith("not swapped, 1 rows differ\n")
    assert demo("projections", "rebuild", "accounts", "--accept-differences", "0").code == 1
    assert contents(dsn(demo), "accounts") == wrong
    assert demo("projections", "rebuild", "accounts", "--accept-differences", "1").code == 0
    assert contents(dsn(demo), "accounts") == right
    ran = demo("projections", "rollback", "accounts")
    assert (ran.code, ran.out) == (0, "accounts is rolled back\n")
    assert contents(dsn(demo), "accounts") == wrong
    assert demo("projections", "rebuild", "accounts", "--verify", "none").code == 0
    assert contents(dsn(demo), "accounts") == right
    assert demo("projections", "rollback", "users").code == 1


def test_a_copy_is_kept_ready_and_swapped_later(demo: Shell) -> None:
    before = contents(dsn(demo), "users")
    ran = demo("projections", "rebuild", "users", "--swap", "manual", "--throttle", "80%")
    assert ran.out.endswith("not swapped, 0 rows differ\n")
    [status] = [x for x in demo("--json", "projections", "status").json if x["name"] == "users"]
    assert status["copy_position"] == head(dsn(demo))
    assert demo("projections", "swap", "accounts").code == 1
    ran = demo("projections", "swap", "users")
    assert (ran.code, contents(dsn(demo), "users")) == (0, before)
    assert rows(dsn(demo), "SELECT count(*) FROM read.rebuilds") == [(0,)]
    assert demo("projections", "swap", "users").code == 1


def test_a_terminal_is_shown_how_far_it_is(demo: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        @override
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("sys.stderr", drawn := Terminal())
    assert demo("projections", "rebuild", "banks", "--swap", "manual").code == 0
    last = head(dsn(demo))
    assert f"{last}/{last}" in drawn.getvalue()
    assert "100%" in drawn.getvalue() or "it/s" in drawn.getvalue()
    assert re.search(r"[0-9]:[0-9]{2}:[0-9]{2}", drawn.getvalue()), "the time that is left"
    seen = drawn.tell()
    ran = demo("--quiet", "projections", "rebuild", "banks", "--resume")
    assert (ran.code, drawn.tell()) == (0, seen)


def test_several_are_made_at_once(demo: Shell) -> None:
    before = contents(dsn(demo), "accounts", "payments", "users")
    ran = demo.alone(
        "--json", "projections", "rebuild", "users", "accounts", "payments", "--parallel", "2"
    )
    assert ran.code == 0, ran.err
    made = {msgspec.json.decode(line)["projection"] for line in ran.lines}
    assert made == {"users", "accounts", "payments"}
    assert contents(dsn(demo), "accounts", "payments", "users") == before


def test_paused_read_models_stand_still(demo: Shell) -> None:
    assert (
        demo("projections", "pause", "users", "banks").out == "users is paused\nbanks is paused\n"
    )
    assert demo("projections", "pause", "users").out == "users was not changed\n"
    stood = head(dsn(demo))
    assert demo("projections", "rebuild", "accounts").code == 0
    runner = Runner(dsn(demo), [BY_NAME["users"], BY_NAME["accounts"]], KEKS, "paused")
    thread = Thread(target=runner.run)
    thread.start()
    wait_for(dsn(demo), head(dsn(demo)), "accounts")
    found = {each["name"]: each for each in demo("--json", "projections", "list").json}
    assert (found["users"]["status"], found["users"]["position"]) == ("paused", stood)
    assert (found["accounts"]["status"], found["accounts"]["lag"]) == ("running", 0)
    assert demo("projections", "resume", "users").out == "users is resumed\n"
    wait_for(dsn(demo), head(dsn(demo)), "users")
    assert demo("projections", "pause", "users").code == 0
    runner.stop()
    thread.join()


def test_the_status_is_watched_with_its_pace(demo: Shell) -> None:
    ran = demo("--json", "projections", "status", "--watch", "--every", "0.1", "--times", "2")
    first, second = (msgspec.json.decode(line) for line in ran.lines)
    assert [each["rate"] for each in first] == [None] * len(BY_NAME)
    assert [each["eta"] for each in second] == [0] * len(BY_NAME)
    assert demo("projections", "status").lines[0].split()[:5] == [
        "NAME", "POSITION", "HEAD", "LAG", "STATUS",
    ]  # fmt: skip
